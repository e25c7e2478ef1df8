// What a socket says and hears, packet by packet; between conversation.c and sockets.c.
#pragma once
#include "sockets.h"

#define FRAME_BYTES 4096    // of a frame that is sent
#define ASK_ACK_ID 500      // ack ids of joins are 0 to MAX_JOINS - 1
#define ECHO_ACK_BASE 1000  // ack ids of echoes begin here

typedef struct {
    int fd, number;  // number: its place in the group
    group *group;
    stage stage;
    int joins_open;
    long order, frames;      // last number seen, messages counted
    unsigned char *partial;  // the beginning of a frame whose end has not been read yet
    size_t partial_length, partial_capacity;
} client_socket;

// In sockets.c.
void send_packet(client_socket *s, const char *packet);
void lose(client_socket *s, const char *why);

// In conversation.c: take an Engine.IO packet that was read at that time.
void take_packet(client_socket *s, const char *text, size_t length, int64_t read_ns);
