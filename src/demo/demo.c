#include "demo/demo.h"

#include "demo/report.h"
#include "demo/run.h"
#include "headgate/errors.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const char help_text[] =
    "usage: headgate demo [--instances N] [--only herd|gate] [--time-scale X] [--json]\n"
    "\n"
    "A fragile dependency fails and comes back, and a fleet of real processes relaunches against it: first "
    "all\n"
    "at once, then through a gate. Ends in a table that compares the two. Takes about two minutes; "
    "everything\n"
    "happens on loopback, and is gone when it ends.\n"
    "\n"
    "  --instances N     processes in the fleet, 20 to 3000 (300); the dependency grows with it\n"
    "  --only herd|gate  one of the two runs\n"
    "  --time-scale X    everything takes X times as long, 0.2 to 10 (1)\n"
    "  --headgate PATH   the program to start as the controller (this one)\n"
    "  --json            the result as JSON\n"
    "\n"
    "exit: 0 shown; 64 bad usage; 69 a part could not be started; 130 interrupted\n";

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static bool parse_number(const char *text, double low, double high, double *ret_number)
{
    char *end = NULL;
    double number = strtod(text, &end);
    if (end == text || *end != '\0' || !(number >= low && number <= high)) {
        return false;
    }
    *ret_number = number;
    return true;
}

static int usage(const char *problem, const char *value)
{
    fprintf(stderr, "headgate demo: %s%s; see headgate demo --help\n", problem, value);
    return 64;
}

/* Returns -1 to go on, or an exit code. */
static int parse_options(int argc, char **argv, struct demo_config *ret_config)
{
    static const struct option options[] = {{"instances", required_argument, NULL, 'n'},
                                            {"only", required_argument, NULL, 'o'},
                                            {"time-scale", required_argument, NULL, 't'},
                                            {"headgate", required_argument, NULL, 'g'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    double instances = 300, time_scale = 1;
    bool run_herd = true, run_gate = true, json = false;
    const char *headgate = "/proc/self/exe";
    int letter;
    optind = 1;
    while ((letter = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (letter == 'h') {
            fputs(help_text, stdout);
            return 0;
        } else if (letter == 'j') {
            json = true;
        } else if (letter == 'g') {
            headgate = optarg;
        } else if (letter == 'n') {
            if (!parse_number(optarg, DEMO_INSTANCES_MIN, DEMO_INSTANCES_MAX, &instances)) {
                return usage("--instances takes a number from 20 to 3000, not ", optarg);
            }
        } else if (letter == 't') {
            if (!parse_number(optarg, 0.2, 10, &time_scale)) {
                return usage("--time-scale takes a number from 0.2 to 10, not ", optarg);
            }
        } else if (letter == 'o') {
            run_herd = strcmp(optarg, "herd") == 0;
            run_gate = strcmp(optarg, "gate") == 0;
            if (!run_herd && !run_gate) {
                return usage("--only takes herd or gate, not ", optarg);
            }
        } else {
            return usage("unknown option", "");
        }
    }
    if (optind < argc) {
        return usage("unexpected argument ", argv[optind]);
    }
    demo_config_init(ret_config, (int)instances, time_scale);
    ret_config->run_herd = run_herd;
    ret_config->run_gate = run_gate;
    ret_config->json = json;
    ret_config->headgate = headgate;
    return -1;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
}

int demo_main(int argc, char **argv)
{
    struct demo_config config;
    int code = parse_options(argc, argv, &config);
    if (code >= 0) {
        return code;
    }
    catch_signals();
    demo_report_setting(&config, config.json ? stderr : stdout);
    struct demo_result results[2];
    int count = 0;
    int status = 0;
    if (config.run_herd) {
        status = demo_run(&config, false, &stop, &results[count]);
        count += status == 0;
    }
    if (config.run_gate && status == 0) {
        status = demo_run(&config, true, &stop, &results[count]);
        count += status == 0;
    }
    if (count > 0 && config.json && demo_report_json(&config, results, count, stdout) != 0) {
        return 74;
    }
    if (count > 0 && !config.json) {
        demo_report_table(&config, results, count, stdout);
    }
    return status == HG_E_CANCELLED ? 130 : status == 0 ? 0 : 69;
}
