// The load client: reads commands from standard input, one a line, and answers each with one line of JSON.
//
//   group NAME PORT,... DIALECT [TOKENS-FILE]  sockets of this group connect to 127.0.0.1, to these ports in turn, and
//                                              speak socketio or centrifugo
//   from NAME ADDRESS COUNT                    they connect from so many addresses in turn, this one and those behind it
//   auth NAME FIELDS                           what CONNECT says beside the token (socketio), such as ,"recovery":true
//   join NAME PACKET                           they send this once connected, and wait for its answer; %d: their number
//   connect NAME COUNT UNDER-WAY TIMEOUT-S     open so many more, so many at a time
//   arm NAME STRICT ORDER-KEY                  count anew; the number behind the key must grow (STRICT 1) or not shrink
//   stamp NAME KEY                             the number behind the key says when a message was sent; before: "t":
//   send NAME MEMBER PACKET                    let one of them say something
//   wait NAME FRAMES TIMEOUT-S                 until the group has counted so many messages
//   rounds NAME FRAMES ROUNDS TIMEOUT-S BY PACKET   the first of group BY sends the packet, group NAME waits for so many
//                                              messages; then the next round, without a pause
//   report NAME                                what has been counted so far
//   latencies NAME                             each latency and how many messages had it, so that clients can be added up
//   echo NAME INTERVAL-MS                      begin to send echoes; 0: stop, wait for the last, and report (socketio)
//   ask NAME TIMEOUT-S PACKET                  send a packet with ack id 500; its ack's arguments (socketio)
//   drop NAME                                  close all sockets of the group at once
//
// Seconds are of CLOCK_MONOTONIC, latencies in microseconds.
#define _GNU_SOURCE
#include "sockets.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES 8192
#define STEP_MS 100
// A wait ends when nothing has come for this long: what is missing then has been lost.
#define SILENCE_NS 10000000000LL

static double seconds(int64_t ns) { return (double)ns / 1e9; }

static void print_histogram(const char *name, const histogram *h) {
    printf(",\"%s\":{\"count\":%lu,\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f}", name, (unsigned long)h->count,
           (double)histogram_quantile(h, 0.5) / 1e3, (double)histogram_quantile(h, 0.99) / 1e3,
           (double)histogram_quantile(h, 0.999) / 1e3, (double)h->max / 1e3);
}

static void print_report(const group *g) {
    long most, fewest;
    group_most_and_fewest(g, &most, &fewest);
    printf("{\"frames\":%ld,\"seconds\":%.6f,\"bytes\":%ld,\"out_of_order\":%ld,\"most\":%ld,\"fewest\":%ld,\"ready\":%d,"
           "\"lost\":%d",
           g->frames, seconds(g->last_ns - g->began_ns), g->bytes, g->out_of_order, most, fewest, g->ready, g->lost);
    print_histogram("latency_us", &g->latency_ns);
    printf("}\n");
}

static void print_latencies(const histogram *h) {
    printf("{\"latencies_ns\":[");
    const char *separator = "";
    for (int index = 0; index < BUCKETS; index++) {
        if (!h->buckets[index]) continue;
        printf("%s[%lu,%u]", separator, (unsigned long)histogram_upper(index), h->buckets[index]);
        separator = ",";
    }
    printf("]}\n");
}

static void wait_for_frames(const group *g, long frames, double timeout_seconds) {
    int64_t began = now_ns(), limit = began + (int64_t)(timeout_seconds * 1e9);
    while (g->frames < frames && now_ns() < limit) {
        pump(STEP_MS);
        int64_t last_heard = g->last_ns > began ? g->last_ns : began;
        if (now_ns() - last_heard > SILENCE_NS) return;
    }
}

static void connect_group(group *g, int count, int under_way, double timeout_seconds) {
    int64_t began = now_ns(), limit = began + (int64_t)(timeout_seconds * 1e9);
    int lost = g->lost, ready = g->ready, target = g->ready + count;
    g->wanted = g->started + count;
    while (g->started < g->wanted && g->under_way < under_way) socket_start(g);
    for (int64_t progress = began; g->ready < target && g->lost == lost && now_ns() < limit; pump(STEP_MS)) {
        if (g->ready > ready) progress = now_ns();
        else if (now_ns() - progress > SILENCE_NS) break;
        ready = g->ready;
    }
    printf("{\"ready\":%d,\"lost\":%d,\"seconds\":%.6f}\n", g->ready, g->lost, seconds(now_ns() - began));
}

static void echo(group *g, int interval_ms) {
    g->echo_interval_ns = (int64_t)interval_ms * 1000000;
    g->next_echo_ns = now_ns();
    if (interval_ms) {
        memset(&g->round_trip_ns, 0, sizeof g->round_trip_ns);
        g->echoes_sent = g->echoes_heard = 0;
        printf("{\"ok\":true");
    } else {
        int64_t limit = now_ns() + SILENCE_NS;
        while (g->echoes_heard < g->echoes_sent && now_ns() < limit) pump(STEP_MS);
        printf("{\"sent\":%ld,\"heard\":%ld", g->echoes_sent, g->echoes_heard);
        print_histogram("round_trip_us", &g->round_trip_ns);
    }
    printf("}\n");
}

static void ask(group *g, double timeout_seconds, const char *packet) {
    int64_t limit = now_ns() + (int64_t)(timeout_seconds * 1e9);
    g->has_answer = 0;
    socket_send(g, 0, packet);
    while (!g->has_answer && now_ns() < limit) pump(STEP_MS);
    printf("{\"answer\":%s}\n", g->has_answer ? g->answer : "null");
}

// Carries out one line. 0: it was not understood.
static int carry_out(char *line) {
    char verb[16], name[32], other[32];
    int at = 0, a, b;
    double timeout;
    long frames;
    if (sscanf(line, "%15s %31s %n", verb, name, &at) < 2) return 0;
    char *rest = line + at;
    if (!strcmp(verb, "group")) {
        char ports[64], path[1024] = "";
        if (sscanf(rest, "%63s %31s %1023s", ports, other, path) < 2 || !group_add(name, ports, other)) return 0;
        if (*path) group_read_tokens(group_named(name), path);
        return printf("{\"ok\":true}\n");
    }
    group *g = group_named(name), *by;
    if (!g) return 0;
    if (!strcmp(verb, "from") && sscanf(rest, "%31s %d", other, &a) == 2)
        return group_from(g, other, a) && printf("{\"ok\":true}\n");
    if (!strcmp(verb, "auth")) {
        g->auth = strdup(rest);
        return printf("{\"ok\":true}\n");
    }
    if (!strcmp(verb, "stamp")) {
        snprintf(g->stamp_key, sizeof g->stamp_key, "%s", rest);
        return printf("{\"ok\":true}\n");
    }
    if (!strcmp(verb, "join") && g->joins_count < MAX_JOINS) {
        g->joins[g->joins_count++] = strdup(rest);
        return printf("{\"ok\":true}\n");
    }
    if (!strcmp(verb, "connect") && sscanf(rest, "%d %d %lf", &a, &b, &timeout) == 3) {
        connect_group(g, a, b, timeout);
        return 1;
    }
    if (!strcmp(verb, "arm") && sscanf(rest, "%d %n", &a, &at) == 1) {
        group_arm(g, a, rest + at);
        return printf("{\"ok\":true}\n");
    }
    if (!strcmp(verb, "send") && sscanf(rest, "%d %n", &a, &at) == 1 && a < g->started) {
        socket_send(g, a, rest + at);
        return printf("{\"ok\":true}\n");
    }
    if (!strcmp(verb, "wait") && sscanf(rest, "%ld %lf", &frames, &timeout) == 2) {
        wait_for_frames(g, frames, timeout);
        print_report(g);
        return 1;
    }
    if (!strcmp(verb, "rounds") && sscanf(rest, "%ld %d %lf %31s %n", &frames, &a, &timeout, other, &at) == 4 &&
        (by = group_named(other))) {
        for (int round = 1; round <= a && g->frames >= frames * (round - 1); round++) {
            socket_send(by, 0, rest + at);
            wait_for_frames(g, frames * round, timeout);
        }
        print_report(g);
        return 1;
    }
    if (!strcmp(verb, "report")) {
        print_report(g);
        return 1;
    }
    if (!strcmp(verb, "latencies")) {
        print_latencies(&g->latency_ns);
        return 1;
    }
    if (!strcmp(verb, "echo") && sscanf(rest, "%d", &a) == 1) {
        echo(g, a);
        return 1;
    }
    if (!strcmp(verb, "ask") && sscanf(rest, "%lf %n", &timeout, &at) == 1) {
        ask(g, timeout, rest + at);
        return 1;
    }
    if (!strcmp(verb, "drop")) {
        int64_t began = now_ns();
        group_drop(g);
        return printf("{\"seconds\":%.6f}\n", seconds(now_ns() - began));
    }
    return 0;
}

int main(void) {
    static char line[LINE_BYTES];
    sockets_begin();
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (;;) {
        if (!pump(-1)) continue;
        // The other side writes a line at once and waits for its answer: what can be read is one whole line.
        ssize_t length = read(STDIN_FILENO, line, sizeof line - 1);
        if (length <= 0) return 0;
        while (length && line[length - 1] == '\n') length--;
        line[length] = 0;
        if (!carry_out(line)) printf("{\"error\":\"not understood\"}\n");
    }
}
