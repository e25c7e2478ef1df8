#define _GNU_SOURCE
#include "conversation.h"
#include "websocket.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define READ_BYTES (1 << 20)
#define COMMAND_EVENT UINT32_MAX  // epoll's word for: standard input can be read
#define DROPS_AT_ONCE 64

static client_socket sockets[MAX_SOCKETS];
static int sockets_count, epoll_fd;
static group groups[MAX_GROUPS];
static int groups_count;
static unsigned char *buffer;

int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void fail(const char *what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static void watch(int fd, uint32_t word) {
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = word};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event)) fail("epoll_ctl");
}

void sockets_begin(void) {
    epoll_fd = epoll_create1(0);
    buffer = malloc(READ_BYTES);
    watch(STDIN_FILENO, COMMAND_EVENT);
}

// -- groups -----------------------------------------------------------------------------------------------------------

group *group_named(const char *name) {
    for (int i = 0; i < groups_count; i++)
        if (!strcmp(groups[i].name, name)) return &groups[i];
    return NULL;
}

static const dialect *dialect_named(const char *name) {
    static const dialect *const known[] = {&SOCKETIO, &CENTRIFUGO};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(known[i]->name, name)) return known[i];
    return NULL;
}

group *group_add(const char *name, const char *ports, const char *dialect) {
    if (groups_count == MAX_GROUPS || !dialect_named(dialect)) return NULL;
    group *g = &groups[groups_count++];
    snprintf(g->name, sizeof g->name, "%s", name);
    for (const char *at = ports; at && g->ports_count < MAX_PORTS; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        g->ports[g->ports_count++] = atoi(at);
    g->dialect = dialect_named(dialect);
    strcpy(g->stamp_key, "\"t\":");
    g->members = calloc(MAX_SOCKETS, sizeof *g->members);
    return g;
}

int group_from(group *g, const char *address, int count) {
    struct in_addr first;
    g->sources_count = count;
    if (inet_pton(AF_INET, address, &first) != 1 || count < 1) return 0;
    g->first_source = ntohl(first.s_addr);
    return 1;
}

void group_read_tokens(group *g, const char *path) {
    FILE *file = fopen(path, "r");
    if (!file) fail(path);
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    g->tokens = calloc(MAX_SOCKETS, sizeof *g->tokens);
    while (g->tokens_count < MAX_SOCKETS && (length = getline(&line, &capacity, file)) > 1) {
        line[length - 1] = 0;
        g->tokens[g->tokens_count++] = strdup(line);
    }
    free(line);
    fclose(file);
}

void group_arm(group *g, int is_strict, const char *order_key) {
    g->is_strict = is_strict;
    snprintf(g->order_key, sizeof g->order_key, "%s", order_key);
    g->frames = g->bytes = g->out_of_order = 0;
    g->began_ns = g->last_ns = now_ns();
    memset(&g->latency_ns, 0, sizeof g->latency_ns);
    for (int i = 0; i < g->started; i++) {
        client_socket *s = &sockets[g->members[i]];
        s->order = -1;
        s->frames = 0;
    }
}

void group_most_and_fewest(const group *g, long *most, long *fewest) {
    *most = *fewest = g->started ? sockets[g->members[0]].frames : 0;
    for (int i = 1; i < g->started; i++) {
        long frames = sockets[g->members[i]].frames;
        if (frames > *most) *most = frames;
        if (frames < *fewest) *fewest = frames;
    }
}

// -- writing ----------------------------------------------------------------------------------------------------------

static void send_all(client_socket *s, const void *bytes, size_t length) {
    // What clients say is little: a socket that cannot take it at once is broken.
    if (send(s->fd, bytes, length, MSG_NOSIGNAL) != (ssize_t)length && errno != EPIPE && errno != ECONNRESET)
        fail("send");
}

static void send_frame(client_socket *s, int opcode, const char *payload, size_t length) {
    unsigned char frame[FRAME_BYTES + MAX_HEAD];
    if (length > FRAME_BYTES) {
        fprintf(stderr, "a packet of %zu bytes is longer than this client sends\n", length);
        exit(1);
    }
    send_all(s, frame, websocket_write(frame, opcode, payload, length));
}

void send_packet(client_socket *s, const char *packet) {
    send_frame(s, OPCODE_TEXT, packet, strlen(packet));
}

void socket_send(group *g, int member, const char *packet) {
    client_socket *s = &sockets[g->members[member]];
    if (s->stage != CLOSED) send_packet(s, packet);  // whoever waits for an answer will tell that none came
}

void socket_start(group *g) {
    if (sockets_count == MAX_SOCKETS) {
        fprintf(stderr, "more than %d sockets\n", MAX_SOCKETS);
        exit(1);
    }
    client_socket *s = &sockets[sockets_count];
    s->group = g;
    s->number = g->started;
    s->stage = UPGRADING;
    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (s->fd < 0) fail("socket");
    int yes = 1, port = g->ports[s->number % g->ports_count];
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (g->sources_count) {
        // The port is chosen by connect(): it has to be free for this server alone.
        setsockopt(s->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
        struct sockaddr_in source = {.sin_family = AF_INET};
        source.sin_addr.s_addr = htonl(g->first_source + (uint32_t)(s->number % g->sources_count));
        if (bind(s->fd, (void *)&source, sizeof source)) fail("bind");
    }
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    // Blocking: on loopback it returns at once, as long as the listener's backlog is not full.
    if (connect(s->fd, (void *)&address, sizeof address)) fail("connect");
    fcntl(s->fd, F_SETFL, O_NONBLOCK);
    char request[400];
    int length = snprintf(request, sizeof request,
                          "GET %s HTTP/1.1\r\n"
                          "Host: 127.0.0.1:%d\r\n"
                          "Connection: Upgrade\r\n"
                          "Upgrade: websocket\r\n"
                          "Sec-WebSocket-Version: 13\r\n"
                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                          "User-Agent: bench\r\n\r\n",
                          g->dialect->path, port);
    send_all(s, request, (size_t)length);
    g->members[g->started++] = sockets_count;
    g->under_way++;
    watch(s->fd, (uint32_t)sockets_count++);
}

static void close_socket(client_socket *s) {
    close(s->fd);
    if (s->stage == READY) s->group->ready--;
    s->stage = CLOSED;
    free(s->partial);
    s->partial = NULL;
    s->partial_length = s->partial_capacity = 0;
}

void lose(client_socket *s, const char *why) {
    fprintf(stderr, "group %s, socket %d: %s\n", s->group->name, s->number, why);
    s->group->lost++;
    close_socket(s);
}

// -- reading ----------------------------------------------------------------------------------------------------------

static void take_frame(client_socket *s, const unsigned char *frame, size_t head, size_t length, int64_t read_ns) {
    const char *payload = (const char *)frame + head;
    int opcode = frame[0] & 15;
    if (opcode == OPCODE_CLOSE) lose(s, "the server closed it");
    else if (opcode == OPCODE_PING) send_frame(s, OPCODE_PONG, payload, length - head);
    else if (opcode == OPCODE_TEXT) s->group->dialect->take(s, payload, length - head, read_ns);
}

static void read_socket(client_socket *s) {
    if (s->stage == CLOSED) return;
    size_t length = s->partial_length;
    if (length) memcpy(buffer, s->partial, length);
    ssize_t read_bytes = recv(s->fd, buffer + length, READ_BYTES - length, 0);
    if (read_bytes <= 0) {
        if (read_bytes < 0 && errno == EAGAIN) return;
        lose(s, read_bytes ? strerror(errno) : "the server hung up");
        return;
    }
    int64_t read_ns = now_ns();
    s->group->bytes += read_bytes;
    length += (size_t)read_bytes;
    size_t at = 0, head;
    if (s->stage == UPGRADING) {
        unsigned char *end = memmem(buffer, length, "\r\n\r\n", 4);
        if (end && memcmp(buffer, "HTTP/1.1 101", 12)) {
            lose(s, "was not upgraded to a websocket");
            return;
        }
        if (end) {
            at = (size_t)(end - buffer) + 4;
            s->group->dialect->open(s);
        }
    }
    if (s->stage != UPGRADING)
        for (size_t frame; (frame = websocket_frame_length(buffer + at, length - at, &head)); at += frame) {
            take_frame(s, buffer + at, head, frame, read_ns);
            if (s->stage == CLOSED) return;
        }
    s->partial_length = length - at;
    if (s->partial_length > s->partial_capacity) {
        s->partial_capacity = 2 * s->partial_length;
        s->partial = realloc(s->partial, s->partial_capacity);
    }
    if (s->partial_length) memcpy(s->partial, buffer + at, s->partial_length);
}

// Sends the echoes that are due; how many milliseconds until the next.
static int send_echoes(int wait_ms) {
    for (int i = 0; i < groups_count; i++) {
        group *g = &groups[i];
        if (!g->echo_interval_ns) continue;
        int64_t now = now_ns();
        if (now >= g->next_echo_ns) {
            char packet[64];
            snprintf(packet, sizeof packet, "42%ld[\"echo\"]", ECHO_ACK_BASE + g->echoes_sent);
            g->echo_sent_ns[g->echoes_sent++ % MAX_ECHOES] = now;
            socket_send(g, 0, packet);
            g->next_echo_ns = now + g->echo_interval_ns;
        }
        int until_ms = (int)((g->next_echo_ns - now) / 1000000);
        if (until_ms < wait_ms || wait_ms < 0) wait_ms = until_ms;
    }
    return wait_ms;
}

int pump(int wait_ms) {
    struct epoll_event events[512];
    int has_command = 0;
    int count = epoll_wait(epoll_fd, events, 512, send_echoes(wait_ms));
    for (int i = 0; i < count; i++) {
        if (events[i].data.u32 == COMMAND_EVENT) has_command = 1;
        else read_socket(&sockets[events[i].data.u32]);
    }
    return has_command;
}

void group_drop(group *g) {
    for (int i = 0; i < g->started; i++) {
        client_socket *s = &sockets[g->members[i]];
        if (s->stage != CLOSED) close_socket(s);
        if (i % DROPS_AT_ONCE == 0) pump(0);
    }
}
