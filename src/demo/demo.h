/* `headgate demo`: a fragile dependency fails and comes back, and a fleet relaunches against it, twice.
 *
 * The story of one run: run.c forks a dependency (dependency.c: bounded workers, an unbounded queue, work
 * that goes on after its client gave up), background clients that use it steadily (background.c) and one
 * process an instance (instance.c) that keeps a lease there. The dependency is killed; every instance loses
 * its lease and is restarted, as an init system would; the dependency comes back. In the first run the
 * instances go straight to it, with time-outs, retries and backoff with full jitter. In the second each first
 * gets a permit from a real `headgate serve` with its state on disk (gate.c). All processes share one page of
 * counters (world.h), from which the progress line and the table are made (report.c). Everything is on
 * loopback, and dies with the demo. */
#ifndef DEMO_DEMO_H
#define DEMO_DEMO_H

/* The command: argv[0] is its name. Returns the process's exit code. */
int demo_main(int argc, char **argv);

#endif
