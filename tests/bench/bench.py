#!/usr/bin/env python3
"""What an answered request costs the controller, beside nginx in the same run.

    bench.py HEADGATE [SECONDS]

Each row asks for SECONDS (5) over 64 keep-alive connections of wrk, and divides the CPU time that the server's
process spent meanwhile (utime + stime) by the requests that were answered. nginx answers `return 200` with one
worker. Rows that go to Redis say what redis-server spent too. Absolute figures are this machine's; the ratio is
what lasts. Rounds are repeated and interleaved; each row shows its median.
"""
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

CONNECTIONS = 64
ROUNDS = 3
READY_S = 15
TICKS = os.sysconf("SC_CLK_TCK")
HTTP = urllib.request.build_opener(urllib.request.ProxyHandler({}))

# `far`: one permit is out and stays out, so everybody else waits; `open`: nobody ever waits.
POLICY = {
    "policy": "bench",
    "dependencies": {
        "one": {"limiter": {"mode": "fixed"}, "bucket": {"rate": 20, "burst": 2},
                "reserve": {"burst": 0, "in_flight": 0}, "in_flight": {"max": 1}},
        "wide": {"limiter": {"mode": "fixed"}, "bucket": {"rate": 1000000, "burst": 1000000},
                 "reserve": {"burst": 0, "in_flight": 0}, "in_flight": {"max": 1000000}},
    },
    "fleets": {"far": {"size": 20000, "needs": {"one": 1}, "lease": "1h"},
               "open": {"needs": {"wide": 1}, "lease": "1h"}},
}

# wrk's script: one PUT after another for a thousand instances, with or without a ticket.
SCRIPT = """
local names, n, body = {}, 0, %s
for i = 1, 1000 do
  names[i] = wrk.format("PUT", "/v1/fleets/%s/instances/i" .. i .. "/permit", nil, body)
end
request = function()
  n = n %% 1000 + 1
  return names[n]
end
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(url):
    deadline = time.monotonic() + READY_S
    while True:
        try:
            return HTTP.open(url, timeout=1).read()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def cpu_us(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1_000_000 // TICKS


class Servers:
    """Everything started here, ended by its pid."""

    def __init__(self, headgate, directory):
        self.headgate, self.directory, self.running = headgate, directory, []

    def start(self, *argv):
        log = open(os.path.join(self.directory, f"log{len(self.running)}"), "wb")
        process = subprocess.Popen(argv, stdout=log, stderr=log, start_new_session=True)
        self.running.append(process)
        return process

    def stop(self):
        for process in self.running:
            process.send_signal(signal.SIGTERM)
        for process in self.running:
            process.wait(READY_S)

    def nginx(self):
        port, conf = free_port(), os.path.join(self.directory, "nginx.conf")
        with open(conf, "w") as out:
            out.write(f"""daemon off; master_process off; worker_processes 1; pid {self.directory}/nginx.pid;
error_log {self.directory}/nginx.log; events {{ worker_connections 1024; }}
http {{ access_log off; default_type application/json; keepalive_requests 1000000000;
client_body_temp_path {self.directory}/b; proxy_temp_path {self.directory}/p; fastcgi_temp_path {self.directory}/f;
uwsgi_temp_path {self.directory}/u; scgi_temp_path {self.directory}/s;
server {{ listen 127.0.0.1:{port}; location / {{ return 200 '{{"alive":true}}'; }} }} }}
""")
        process = self.start(shutil.which("nginx") or "/usr/sbin/nginx", "-c", conf, "-p", self.directory)
        wait_for(f"http://127.0.0.1:{port}/")
        return process.pid, f"http://127.0.0.1:{port}"

    def redis(self):
        port = free_port()
        process = self.start(shutil.which("redis-server") or "redis-server", "--port", str(port), "--bind",
                             "127.0.0.1", "--save", "", "--appendonly", "no")
        return process.pid, f"redis://127.0.0.1:{port}/0"

    def serve(self, store):
        port, policy = free_port(), os.path.join(self.directory, "policy.json")
        with open(policy, "w") as out:
            json.dump(POLICY, out)
        process = self.start(self.headgate, "serve", "--policies", policy, "--listen", f"127.0.0.1:{port}", "--store",
                             store, "--new-store")
        base = f"http://127.0.0.1:{port}"
        wait_for(base + "/readyz")
        return process.pid, base


def wrk(base, path, script, seconds):
    argv = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "20s"]
    if script is not None:
        argv += ["-s", script]
    out = subprocess.run(argv + [base + path], check=True, capture_output=True, text=True).stdout
    count = re.search(r"(\d+) requests in", out)
    return int(count.group(1)), "Socket errors" in out


def fill_line(base):
    """A thousand waiting instances; the first holds the only permit."""
    tail = 0
    for i in range(1, 1001):
        request = urllib.request.Request(f"{base}/v1/fleets/far/instances/i{i}/permit", method="PUT")
        try:
            HTTP.open(request, timeout=READY_S).read()
        except urllib.error.HTTPError as error:
            tail = max(tail, int(json.load(error)["ticket"].split(".")[0][1:]))
    return tail


def main():
    headgate = os.path.abspath(sys.argv[1])
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    directory = tempfile.mkdtemp(prefix="headgate-bench-")
    servers = Servers(headgate, directory)

    def script(name, fleet, body):
        path = os.path.join(directory, name + ".lua")
        with open(path, "w") as out:
            out.write(SCRIPT % (body, fleet))
        return path

    try:
        nginx_pid, nginx = servers.nginx()
        redis_pid, redis = servers.redis()
        memory_pid, memory = servers.serve("memory:")
        shared_pid, shared = servers.serve(redis)
        tail = min(fill_line(memory), fill_line(shared))
        far = script("far", "far", "'{\"ticket\":\"m%d.1\"}'" % tail)
        line = script("line", "far", "nil")
        permit = script("permit", "open", "nil")
        rows = [
            ("nginx: return 200", nginx_pid, None, nginx, "/", None),
            ("GET /healthz", memory_pid, None, memory, "/healthz", None),
            ("PUT, ticket far from its turn", memory_pid, None, memory, "/", far),
            ("PUT, waiting, by memory", memory_pid, None, memory, "/", line),
            ("PUT, its permit again, by memory", memory_pid, None, memory, "/", permit),
            ("PUT, waiting, by Redis", shared_pid, redis_pid, shared, "/", line),
            ("PUT, its permit again, by Redis", shared_pid, redis_pid, shared, "/", permit),
        ]
        costs = {row[0]: [] for row in rows}
        stores = {row[0]: [] for row in rows}
        rates = {row[0]: [] for row in rows}
        for _ in range(ROUNDS):
            for name, pid, store, base, path, lua in rows:
                before, store_before = cpu_us(pid), cpu_us(store) if store else 0
                count, broken = wrk(base, path, lua, seconds)
                if broken or count == 0:
                    sys.exit(f"bench: {name}: requests broke")
                costs[name].append((cpu_us(pid) - before) / count)
                stores[name].append((cpu_us(store) - store_before) / count if store else 0)
                rates[name].append(count / seconds)
        base_cost = statistics.median(costs[rows[0][0]])
        print(f"{CONNECTIONS} connections, {ROUNDS} rounds of {seconds} s, median; CPU microseconds an answered request")
        print(f"{'':38} {'us':>7} {'x nginx':>8} {'store us':>9} {'requests/s':>11}")
        for row in rows:
            cost = statistics.median(costs[row[0]])
            store = statistics.median(stores[row[0]])
            told = f"{store:9.2f}" if row[2] else f"{'':9}"
            print(f"{row[0]:38} {cost:7.2f} {cost / base_cost:8.2f} {told} {statistics.median(rates[row[0]]):11.0f}")
    finally:
        servers.stop()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
