// Centrifugo's JSON protocol, version 2: commands with an id, each of which is answered; all else is pushed. A frame may
// hold several, a line each. A join is a command with any other id than CONNECT_ID.
#define _GNU_SOURCE
#include "conversation.h"
#include <stdio.h>
#include <string.h>

#define CONNECT_ID 1

static void connect_client(client_socket *s) {
    char packet[FRAME_BYTES];
    const char *token = token_of(s);
    snprintf(packet, sizeof packet, "{\"id\":%d,\"connect\":{\"token\":\"%s\"}}", CONNECT_ID, token ? token : "");
    send_packet(s, packet);
    s->stage = CONNECTING;
}

static void take_line(client_socket *s, const char *line, const char *end, int64_t read_ns) {
    const char *id = behind(line, end, "{\"id\":");
    if (end - line == 2) {
        send_packet(s, "{}");  // a ping
    } else if (id == line + strlen("{\"id\":")) {
        if (behind(line, end, "\"error\":{")) lose(s, "a command of its was refused");
        else if (number_at(id, end) == CONNECT_ID) join_rooms(s);
        else take_joined(s);
    } else if (behind(line, end, "\"pub\":{")) {
        if (s->stage == READY) count_message(s, line, end, read_ns);
    } else if (behind(line, end, "\"disconnect\":{")) {
        lose(s, "was disconnected");
    }
}

static void take_frame(client_socket *s, const char *text, size_t length, int64_t read_ns) {
    const char *end = text + length;
    while (text < end && s->stage != CLOSED) {
        const char *line_end = memchr(text, '\n', (size_t)(end - text));
        if (!line_end) line_end = end;
        take_line(s, text, line_end, read_ns);
        text = line_end + 1;
    }
}

const dialect CENTRIFUGO = {"centrifugo", "/connection/websocket", connect_client, take_frame};
