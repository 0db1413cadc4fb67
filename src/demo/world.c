#include "demo/world.h"

#include "core/rng.h"
#include "host/clock.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PORT_LOW      20000
#define PORT_HIGH     29999
#define PORT_TRIES    200
#define KILL_GRACE_US INT64_C(2000000)

static size_t world_size(int instances)
{
    return sizeof(struct demo_world) + (size_t)instances * sizeof(struct demo_slot);
}

static int64_t scaled_us(const struct demo_config *config, int64_t time_us)
{
    return (int64_t)((double)time_us * config->time_scale);
}

/* The dependency is as large as a fleet of this size would have made it: in calm times half its capacity is
 * used. */
void demo_config_init(struct demo_config *config, int instances, double time_scale)
{
    *config = (struct demo_config){.instances = instances, .time_scale = time_scale};
    int workers = (config->instances * 8 + 299) / 300;
    config->workers = workers < DEMO_WORKERS_MAX ? workers : DEMO_WORKERS_MAX;
    config->knee = config->workers * 5;
    config->slow_max = 2;
    config->requests = 4;
    config->background = config->workers * 5;
    config->service_us = scaled_us(config, 25000);
    config->request_timeout_us = scaled_us(config, 1000000);
    config->boot_us = scaled_us(config, 200000);
    config->renew_us = scaled_us(config, 4000000);
    config->background_period_us = scaled_us(config, 500000);
    config->backoff_base_us = scaled_us(config, 100000);
    config->backoff_max_us = scaled_us(config, 2000000);
    config->settle_us = scaled_us(config, 4000000);
    config->outage_us = scaled_us(config, 7000000);
    config->deadline_us = scaled_us(config, 45000000);
}

struct demo_world *demo_world_create(const struct demo_config *config)
{
    struct demo_world *world =
        mmap(NULL, world_size(config->instances), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (world == MAP_FAILED) {
        return NULL;
    }
    world->config = *config;
    return world;
}

void demo_world_destroy(struct demo_world *world)
{
    if (world != NULL) {
        munmap(world, world_size(world->config.instances));
    }
}

void demo_world_reset_counters(struct demo_world *world)
{
    world->queue = 0;
    world->busy = 0;
    world->queue_peak = 0;
    world->served = 0;
    world->wasted = 0;
    world->background_asked = 0;
    world->background_errors = 0;
    world->lost_again = 0;
    for (int i = 0; i < world->config.instances; i++) {
        world->slots[i].attempts = world->slots[i].state == DEMO_LOADING; /* the attempt under way counts */
        world->slots[i].asked = 0;
    }
}

int demo_world_count(const struct demo_world *world, enum demo_state state)
{
    int count = 0;
    for (int i = 0; i < world->config.instances; i++) {
        count += world->slots[i].state == (int)state;
    }
    return count;
}

int demo_find_port(void)
{
    struct rng rng;
    rng_init(&rng, clock_seed());
    for (int i = 0; i < PORT_TRIES; i++) {
        int port = (int)rng_between(&rng, PORT_LOW, PORT_HIGH);
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0) {
            return 0;
        }
        bool ours = bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
        close(fd);
        if (ours) {
            return port;
        }
    }
    return 0;
}

pid_t demo_fork(void)
{
    fflush(NULL);
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid != 0) {
        return pid;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(1); /* the parent died before it could be asked for */
    }
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    return 0;
}

void demo_kill(pid_t *pid)
{
    if (*pid <= 0) {
        return;
    }
    kill(*pid, SIGTERM);
    int64_t deadline_us = clock_monotonic_us() + KILL_GRACE_US;
    while (waitpid(*pid, NULL, WNOHANG) == 0) {
        if (clock_monotonic_us() > deadline_us) {
            kill(*pid, SIGKILL);
            waitpid(*pid, NULL, 0);
            break;
        }
        demo_sleep_us(2000);
    }
    *pid = 0;
}

void demo_sleep_us(int64_t delay_us)
{
    struct timespec delay = {.tv_sec = delay_us / 1000000, .tv_nsec = (delay_us % 1000000) * 1000};
    if (delay_us > 0) {
        nanosleep(&delay, NULL);
    }
}
