#define _GNU_SOURCE
#include "conversation.h"
#include <stdio.h>
#include <string.h>

static void become_ready(client_socket *s) {
    group *g = s->group;
    s->stage = READY;
    g->ready++;
    g->under_way--;
    if (g->started < g->wanted) socket_start(g);
}

const char *token_of(const client_socket *s) {
    group *g = s->group;
    return g->tokens_count ? g->tokens[s->number % g->tokens_count] : NULL;
}

void join_rooms(client_socket *s) {
    s->stage = JOINING;
    s->joins_open = s->group->joins_count;
    for (int i = 0; i < s->group->joins_count; i++) {
        char packet[FRAME_BYTES];
        snprintf(packet, sizeof packet, s->group->joins[i], s->number);
        send_packet(s, packet);
    }
    if (!s->joins_open) become_ready(s);
}

void take_joined(client_socket *s) {
    if (s->stage == JOINING && !--s->joins_open) become_ready(s);
}

long number_at(const char *text, const char *end) {
    long number = 0;
    for (; text < end && *text >= '0' && *text <= '9'; text++) number = number * 10 + (*text - '0');
    return number;
}

const char *behind(const char *text, const char *end, const char *key) {
    size_t length = strlen(key);
    const char *found = memmem(text, (size_t)(end - text), key, length);
    return found ? found + length : NULL;
}

void count_message(client_socket *s, const char *text, const char *end, int64_t read_ns) {
    group *g = s->group;
    s->frames++;
    g->frames++;
    g->last_ns = read_ns;
    const char *order = behind(text, end, g->order_key);
    if (!order) return;
    long number = number_at(order, end);
    if (g->is_strict ? number <= s->order : number < s->order) g->out_of_order++;
    s->order = number;
    const char *sent = behind(order, end, g->stamp_key);
    if (sent) histogram_add(&g->latency_ns, read_ns - number_at(sent, end));
}
