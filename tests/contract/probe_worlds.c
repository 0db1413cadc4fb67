#include "probe_worlds.h"

#include <arpa/inet.h>
#include <check.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DNS_NAME "db.internal"

static void common(struct world *world, enum hg_probe_kind kind)
{
    *world = (struct world){.silent_fds = {-1, -1, -1, -1}};
    world->port = server_free_port();
    world->probe = (struct hg_probe){.kind = kind,
                                     .target = world->target,
                                     .interval_us = 20000,
                                     .timeout_us = WORLD_TIMEOUT_MS * 1000,
                                     .rise = 2,
                                     .fall = 3,
                                     .jitter_permille = 100,
                                     .status_min = 200,
                                     .status_max = 299,
                                     .min_addresses = 1};
    server_make_directory(world->directory, sizeof(world->directory));
}

void world_finish(struct world *world)
{
    server_stop(&world->server);
    for (size_t i = 0; i < 4; i++) {
        if (world->silent_fds[i] >= 0) {
            close(world->silent_fds[i]);
        }
    }
    server_remove_directory(world->directory);
}

static void stop_server(struct world *world)
{
    server_stop(&world->server);
}

static void start_redis(struct world *world)
{
    char port[16];
    snprintf(port, sizeof(port), "%d", world->port);
    const char *argv[] = {world->program, "--port", port,           "--bind", "127.0.0.1",
                          "--save",       "",       "--appendonly", "no",     NULL};
    ck_assert_int_eq(server_start(&world->server, argv, world->port), 0);
}

static bool tcp_init(struct world *world)
{
    common(world, HG_PROBE_TCP);
    snprintf(world->target, sizeof(world->target), "127.0.0.1:%d", world->port);
    return server_find_program("redis-server", world->program, sizeof(world->program));
}

/* A listener whose queue is full: the kernel drops what else knocks. */
static void tcp_be_silent(struct world *world)
{
    int listener = server_listen_silent(&world->port);
    ck_assert_int_eq(listen(listener, 0), 0);
    world->silent_fds[0] = listener;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)world->port),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    for (size_t i = 1; i < 4; i++) {
        world->silent_fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)!connect(world->silent_fds[i], (struct sockaddr *)&address, sizeof(address));
    }
    snprintf(world->target, sizeof(world->target), "127.0.0.1:%d", world->port);
}

static bool http_init(struct world *world)
{
    common(world, HG_PROBE_HTTP);
    snprintf(world->target, sizeof(world->target), "http://127.0.0.1:%d/ok", world->port);
    return server_find_program("python3", world->program, sizeof(world->program));
}

void world_start_http(struct world *world, const char *certificate, const char *key)
{
    char port[16];
    snprintf(port, sizeof(port), "%d", world->port);
    const char *argv[] = {world->program, FIXTURE_HTTP, port, certificate, key, NULL};
    ck_assert_int_eq(server_start(&world->server, argv, world->port), 0);
}

static void http_raise(struct world *world)
{
    world_start_http(world, NULL, NULL);
}

static void http_be_silent(struct world *world)
{
    world->silent_fds[0] = server_listen_silent(&world->port);
    snprintf(world->target, sizeof(world->target), "http://127.0.0.1:%d/ok", world->port);
}

static void write_hosts(struct world *world, const char *text)
{
    char path[320];
    snprintf(path, sizeof(path), "%s/hosts", world->directory);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
    server_signal(&world->server, SIGHUP); /* dnsmasq reads it again */
}

static bool dns_init(struct world *world)
{
    common(world, HG_PROBE_DNS);
    snprintf(world->target, sizeof(world->target), "%s", DNS_NAME);
    snprintf(world->resolver, sizeof(world->resolver), "127.0.0.1:%d", world->port);
    world->probe.dns_server = world->resolver;
    if (!server_find_program("dnsmasq", world->program, sizeof(world->program))) {
        return false;
    }
    write_hosts(world, "");
    char port[32];
    char hosts[320];
    snprintf(port, sizeof(port), "--port=%d", world->port);
    snprintf(hosts, sizeof(hosts), "--addn-hosts=%s/hosts", world->directory);
    /* Its own user, or as root it would become "dnsmasq", who may not read the scratch directory. */
    const char *argv[] = {world->program,
                          "--keep-in-foreground",
                          "--conf-file=/dev/null",
                          "--no-resolv",
                          "--no-hosts",
                          "--pid-file=",
                          "--listen-address=127.0.0.1",
                          "--bind-interfaces",
                          "--local=/internal/",
                          "--txt-record=empty.internal,nothing else",
                          "--host-record=two.internal,192.0.2.1,2001:db8::1",
                          geteuid() == 0 ? "--user=root" : "--log-facility=-",
                          port,
                          hosts,
                          NULL};
    ck_assert_int_eq(server_start(&world->server, argv, world->port), 0);
    return true;
}

static void dns_raise(struct world *world)
{
    write_hosts(world, "192.0.2.7 " DNS_NAME "\n");
}

static void dns_lower(struct world *world)
{
    write_hosts(world, "");
}

static void dns_be_silent(struct world *world)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    world->silent_fds[0] = fd;
    snprintf(world->resolver, sizeof(world->resolver), "127.0.0.1:%d", ntohs(address.sin_port));
}

static bool redis_init(struct world *world)
{
    common(world, HG_PROBE_REDIS);
    snprintf(world->target, sizeof(world->target), "redis://127.0.0.1:%d/2", world->port);
    return server_find_program("redis-server", world->program, sizeof(world->program));
}

static void redis_be_silent(struct world *world)
{
    world->silent_fds[0] = server_listen_silent(&world->port);
    snprintf(world->target, sizeof(world->target), "redis://127.0.0.1:%d", world->port);
}

static bool exec_init(struct world *world)
{
    common(world, HG_PROBE_EXEC);
    snprintf(world->script, sizeof(world->script), "echo looked; test -e '%s/up'", world->directory);
    world->probe.target = NULL;
    world->argv[0] = "/bin/sh";
    world->argv[1] = "-c";
    world->argv[2] = world->script;
    world->probe.argv = world->argv;
    world->probe.argc = 3;
    return true;
}

static void exec_raise(struct world *world)
{
    char path[320];
    snprintf(path, sizeof(path), "%s/up", world->directory);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

static void exec_lower(struct world *world)
{
    char path[320];
    snprintf(path, sizeof(path), "%s/up", world->directory);
    ck_assert_int_eq(unlink(path), 0);
}

/* A grandchild, too, so that only the death of the whole group ends it; its pid tells the test. */
static void exec_be_silent(struct world *world)
{
    snprintf(world->script, sizeof(world->script), "sleep 600 & echo $! > '%s/pid'; wait", world->directory);
}

const struct world_ops world_ops[HG_PROBE_KIND_COUNT] = {
    [HG_PROBE_TCP] = {"tcp", PROBE_VERDICT_UNREACHABLE, PROBE_VERDICT_SILENT, tcp_init, start_redis,
                      stop_server, tcp_be_silent},
    [HG_PROBE_HTTP] = {"http", PROBE_VERDICT_UNREACHABLE, PROBE_VERDICT_SILENT, http_init, http_raise,
                       stop_server, http_be_silent},
    [HG_PROBE_DNS] = {"dns", PROBE_VERDICT_NO_ADDRESSES, PROBE_VERDICT_NO_RESOLVER, dns_init, dns_raise,
                      dns_lower, dns_be_silent},
    [HG_PROBE_REDIS] = {"redis", PROBE_VERDICT_UNREACHABLE, PROBE_VERDICT_SILENT, redis_init, start_redis,
                        stop_server, redis_be_silent},
    [HG_PROBE_EXEC] = {"exec", PROBE_VERDICT_BAD_ANSWER, PROBE_VERDICT_SILENT, exec_init, exec_raise,
                       exec_lower, exec_be_silent},
};
