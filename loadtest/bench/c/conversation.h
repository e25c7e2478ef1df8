// What a socket says and hears, packet by packet; between sockets.c and those who know what to say: socketio.c and
// centrifugo.c.
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

// How clients of one kind of server talk.
typedef struct dialect {
    const char *name, *path;
    void (*open)(client_socket *s);  // the websocket stands
    void (*take)(client_socket *s, const char *text, size_t length, int64_t read_ns);  // a frame that was read at that time
} dialect;

extern const dialect SOCKETIO, CENTRIFUGO;

// In sockets.c.
void send_packet(client_socket *s, const char *packet);
void lose(client_socket *s, const char *why);

// In conversation.c: what all have in common.
const char *token_of(const client_socket *s);  // NULL: its group has none
void join_rooms(client_socket *s);             // is connected: join, or be ready
void take_joined(client_socket *s);            // one of the joins was answered
void count_message(client_socket *s, const char *text, const char *end, int64_t read_ns);
long number_at(const char *text, const char *end);
const char *behind(const char *text, const char *end, const char *key);  // NULL: the key is not in it
