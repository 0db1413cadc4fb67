#!/usr/bin/env python3
"""Does what README.md tells a newcomer to do, word for word.

    test_readme.py ROOT HEADGATE

Takes the blocks marked <!-- readme:NAME --> out of README.md: `policy` is saved as db.json, `start` is run (its last
command is the controller, which is left running), then `curl` and `cli`. Only what a shared machine demands is
changed: the port, and where the database of the policy's probe listens. Then deploy/demo.sh, the first of the two
commands, small and fast; the second, tests/run.sh, is what runs this test.
"""
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

PORT = 7070
DEADLINE_S = 60


def read_blocks(readme):
    pattern = re.compile(r"<!-- readme:(\w+) -->\s*```\w*\n(.*?)```", re.DOTALL)
    return dict(pattern.findall(readme))


def free_port():
    with contextlib.closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wait_ready(port, process):
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(f"the controller ended with {process.returncode}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            pass
        time.sleep(0.02)
    raise SystemExit("the controller is not ready")


def run(script, directory, environment):
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=directory, env=environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=DEADLINE_S, check=False)
    print(script.strip(), done.stdout, sep="\n")
    if done.returncode != 0:
        raise SystemExit(f"exit {done.returncode}")
    return done.stdout


def try_gate(blocks, directory, headgate, database):
    port = free_port()
    environment = dict(os.environ, PATH=os.path.dirname(headgate) + ":" + os.environ["PATH"], TERM="dumb")
    environment.pop("HEADGATE_SERVER", None)
    policy = json.loads(blocks["policy"])
    for dependency in policy["dependencies"].values():
        for probe in dependency["probes"]:
            probe["tcp"] = f"127.0.0.1:{database}"
    with open(os.path.join(directory, "db.json"), "w", encoding="utf-8") as file:
        json.dump(policy, file)
    *before, serve = blocks["start"].replace(str(PORT), str(port)).strip().splitlines()
    run("\n".join(before), directory, environment)
    controller = subprocess.Popen(["bash", "-c", "exec " + serve], cwd=directory, env=environment)
    try:
        wait_ready(port, controller)
        said = run(blocks["curl"].replace(str(PORT), str(port)), directory, environment)
        assert '"state":"granted"' in said and '"state":"recovered"' in said, "curl was not served"
        said = run(blocks["cli"].replace(str(PORT), str(port)), directory, environment)
        assert "host-2" in said and "recovered" in said, "the CLI was not served"
    finally:
        controller.send_signal(signal.SIGTERM)
        code = controller.wait(DEADLINE_S)
    assert code == 0, f"the controller ended with {code}"


def main(root, headgate):
    with open(os.path.join(root, "README.md"), encoding="utf-8") as file:
        readme = file.read()
    blocks = read_blocks(readme)
    missing = {"policy", "start", "curl", "cli"} - set(blocks)
    assert not missing, f"README.md has no block {missing}"
    for command in ("deploy/demo.sh", "tests/run.sh"):
        assert f"\n    {command}\n" in readme, f"README.md does not name {command}"
        assert os.access(os.path.join(root, command), os.X_OK), f"{command} is not executable"
    with contextlib.closing(socket.socket()) as database, tempfile.TemporaryDirectory() as directory:
        database.bind(("127.0.0.1", 0))
        database.listen(128)
        try_gate(blocks, directory, os.path.abspath(headgate), database.getsockname()[1])
    demo = subprocess.run([os.path.join(root, "deploy/demo.sh"), "--instances", "40", "--time-scale", "0.2", "--json"],
                          stdout=subprocess.PIPE, text=True, timeout=10 * DEADLINE_S, check=True)
    runs = json.loads(demo.stdout[demo.stdout.index("\n{"):])["runs"]
    assert [one["run"] for one in runs] == ["herd", "gate"], "the demo did not run both"
    print("the README keeps its word")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
