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

static void connect_namespace(client_socket *s) {
    char packet[FRAME_BYTES];
    group *g = s->group;
    if (g->tokens_count)
        snprintf(packet, sizeof packet, "40{\"token\":\"%s\"%s}", g->tokens[s->number % g->tokens_count],
                 g->auth ? g->auth : "");
    else
        strcpy(packet, "40");
    send_packet(s, packet);
    s->stage = CONNECTING;
}

static void join_rooms(client_socket *s) {
    s->stage = JOINING;
    s->joins_open = s->group->joins_count;
    for (int i = 0; i < s->group->joins_count; i++) {
        char packet[FRAME_BYTES];
        snprintf(packet, sizeof packet, s->group->joins[i], s->number);
        send_packet(s, packet);
    }
    if (!s->joins_open) become_ready(s);
}

static long number_at(const char *text, const char *end) {
    long number = 0;
    for (; text < end && *text >= '0' && *text <= '9'; text++) number = number * 10 + (*text - '0');
    return number;
}

static const char *behind(const char *text, const char *end, const char *key) {
    size_t length = strlen(key);
    const char *found = memmem(text, (size_t)(end - text), key, length);
    return found ? found + length : NULL;
}

static void count_message(client_socket *s, const char *text, const char *end, int64_t read_ns) {
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

static void take_ack(client_socket *s, const char *text, const char *end, int64_t read_ns) {
    group *g = s->group;
    long id = number_at(text, end);
    if (id >= ECHO_ACK_BASE) {
        g->echoes_heard++;
        histogram_add(&g->round_trip_ns, read_ns - g->echo_sent_ns[(id - ECHO_ACK_BASE) % MAX_ECHOES]);
    } else if (id == ASK_ACK_ID) {
        const char *json = memchr(text, '[', (size_t)(end - text));
        snprintf(g->answer, sizeof g->answer, "%.*s", json ? (int)(end - json) : 0, json ? json : "");
        g->has_answer = 1;
    } else if (s->stage == JOINING && !--s->joins_open) {
        become_ready(s);
    }
}

void take_packet(client_socket *s, const char *text, size_t length, int64_t read_ns) {
    const char *end = text + length;
    if (length && text[0] == '2') {
        send_packet(s, "3");  // Engine.IO's ping
    } else if (length && text[0] == '0' && s->stage == OPENING) {
        connect_namespace(s);
    } else if (length > 1 && text[0] == '4') {
        if (text[1] == '2' && s->stage == READY) count_message(s, text + 2, end, read_ns);
        else if (text[1] == '3') take_ack(s, text + 2, end, read_ns);
        else if (text[1] == '0' && s->stage == CONNECTING) join_rooms(s);
        else if (text[1] == '4') lose(s, "its CONNECT was refused");
        else if (text[1] == '1') lose(s, "was disconnected");
    }
}
