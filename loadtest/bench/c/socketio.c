// Socket.IO v5 on Engine.IO 4.
#define _GNU_SOURCE
#include "conversation.h"
#include <stdio.h>
#include <string.h>

// The server speaks first.
static void wait_for_open(client_socket *s) { s->stage = OPENING; }

static void connect_namespace(client_socket *s) {
    char packet[FRAME_BYTES] = "40";
    const char *token = token_of(s);
    const char *auth = s->group->auth;
    if (token) snprintf(packet, sizeof packet, "40{\"token\":\"%s\"%s}", token, auth ? auth : "");
    send_packet(s, packet);
    s->stage = CONNECTING;
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
    } else {
        take_joined(s);
    }
}

static void take_packet(client_socket *s, const char *text, size_t length, int64_t read_ns) {
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

const dialect SOCKETIO = {"socketio", "/socket.io/?EIO=4&transport=websocket", wait_for_open, take_packet};
