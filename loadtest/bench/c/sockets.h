// Clients by the thousand, in one thread on one epoll, on websockets alone: of Socket.IO, or of Centrifugo.
//
// Sockets belong to groups. A group says where its sockets connect to, what they speak there, with which tokens, and which
// rooms they join; what arrives is counted for the group, checked for order, and measured against the time that it carries.
#pragma once
#include "histogram.h"
#include <stddef.h>
#include <stdint.h>

#define MAX_GROUPS 8
#define MAX_SOCKETS 60000
#define MAX_JOINS 4
#define MAX_PORTS 8
#define MAX_ECHOES 65536  // under way at once; a power of two
#define MAX_ANSWER 4096

// How far a socket has come.
typedef enum { UPGRADING, OPENING, CONNECTING, JOINING, READY, CLOSED } stage;

typedef struct {
    char name[32];
    int ports[MAX_PORTS], ports_count;  // sockets connect to one after the other
    const struct dialect *dialect;
    uint32_t first_source;  // of so many addresses, one behind the other, that they connect from in turn
    int sources_count;      // 0: any
    char *auth;             // what CONNECT says beside the token; NULL: nothing
    char **tokens;  // one for each socket in turn; none: CONNECT without auth
    int tokens_count;
    char *joins[MAX_JOINS];  // packets sent once connected, each of which is answered; %d stands for the socket's number
    int joins_count;

    int *members;  // socket numbers
    int started, ready, lost, under_way, wanted;

    // What arrived since `group_arm`.
    char order_key[32];  // text before the number that grows from message to message, such as "s":
    int is_strict;       // the number must grow; otherwise it must not shrink
    int64_t began_ns, last_ns;
    long frames, bytes, out_of_order;
    char stamp_key[32];    // text before the time at which a message was sent, nanoseconds of CLOCK_MONOTONIC
    histogram latency_ns;  // of messages that carry it

    // Echoes: an event with an ack, sent by the first socket at a fixed pace whether or not the last was answered.
    int64_t echo_interval_ns, next_echo_ns;
    long echoes_sent, echoes_heard;
    int64_t echo_sent_ns[MAX_ECHOES];
    histogram round_trip_ns;

    char answer[MAX_ANSWER];  // to what `ask` asked
    int has_answer;
} group;

int64_t now_ns(void);
void sockets_begin(void);
group *group_named(const char *name);  // NULL: there is none
group *group_add(const char *name, const char *ports, const char *dialect);  // NULL: too many, or nobody speaks so
int group_from(group *g, const char *address, int count);  // 0: that is no address
void group_read_tokens(group *g, const char *path);
void group_arm(group *g, int is_strict, const char *order_key);  // begin to count anew
void group_most_and_fewest(const group *g, long *most, long *fewest);  // frames of a single socket
void socket_start(group *g);
void socket_send(group *g, int member, const char *packet);
void group_drop(group *g);  // close every socket, as if its network were gone; serves all others meanwhile

// Serve all sockets once, waiting for at most so many milliseconds; 1: there is a command to read.
int pump(int wait_ms);
