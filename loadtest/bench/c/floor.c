// The floor: what the operating system alone costs. One thread; handshakes are answered without being understood, and
// `go` writes each message's bytes with one send() to each member, or k messages' bytes when k share a tick. No server
// that writes to its sockets one by one can be faster; nothing else can be asked of this one.
//
//   floor PORT
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_DESCRIPTORS 65536
#define MAX_PER_TICK 64
#define READ_BYTES 65536
#define WAIT_MS 1000

typedef enum { UPGRADING, CONNECTING, CONNECTED } stage;

static stage stages[MAX_DESCRIPTORS];
static int members[MAX_DESCRIPTORS], members_count, epoll_fd;
static long next_number;

static void watch(int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static void send_all(int fd, const char *bytes, size_t length) {
    for (size_t at = 0; at < length;) {
        ssize_t sent = send(fd, bytes + at, length - at, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) {
            at += (size_t)sent;
        } else if (errno == EAGAIN) {
            struct pollfd wait = {fd, POLLOUT, 0};
            poll(&wait, 1, WAIT_MS);
        } else {
            return;
        }
    }
}

static size_t write_frame(char *frame, const char *payload, size_t length) {
    size_t head = 2;
    frame[0] = (char)0x81;
    if (length < 126) {
        frame[1] = (char)length;
    } else {
        frame[1] = 126;
        frame[2] = (char)(length >> 8);
        frame[3] = (char)length;
        head = 4;
    }
    memcpy(frame + head, payload, length);
    return head + length;
}

static void send_text(int fd, const char *text) {
    char frame[256];
    send_all(fd, frame, write_frame(frame, text, strlen(text)));
}

// The same message as every server's, byte for byte but for the time.
static size_t write_message(char *frame) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    long long now_ns = (long long)t.tv_sec * 1000000000 + t.tv_nsec;
    char payload[512];
    int length = snprintf(payload, sizeof payload,
                          "42[\"u\",{\"s\":%ld,\"t\":%lld,\"id\":\"ord-%08ld\",\"sym\":\"ACME-2026-Q4\",\"side\":\"buy\","
                          "\"px\":101.25,\"qty\":1500,\"filled\":700,\"status\":\"partially_filled\","
                          "\"acct\":\"acc-00042\",\"note\":\"desk-7 limit day order\"}]",
                          next_number, now_ns, next_number);
    next_number++;
    return write_frame(frame, payload, (size_t)length);
}

static void go(long messages, int per_tick) {
    static char frames[MAX_PER_TICK * 512];
    if (per_tick < 1 || per_tick > MAX_PER_TICK) return;
    for (long sent = 0; sent < messages; sent += per_tick) {
        size_t length = 0;
        for (int i = 0; i < per_tick; i++) length += write_message(frames + length);
        for (int i = 0; i < members_count; i++) send_all(members[i], frames, length);
    }
}

static long number_behind(const char *text, const char *key) {
    const char *found = strstr(text, key);
    return found ? atol(found + strlen(key)) : 0;
}

static void unmask(unsigned char *frame, size_t length) {
    // The client's packets are short, and come one at a time but for its joins, which all mean the same.
    size_t payload = frame[1] & 127, head = 2;
    if (payload == 126) {
        payload = (size_t)frame[2] << 8 | frame[3];
        head = 4;
    }
    if (head + 4 + payload > length) payload = length - head - 4;
    unsigned char mask[4];
    memcpy(mask, frame + head, sizeof mask);
    for (size_t i = 0; i < payload; i++) frame[i] = frame[head + 4 + i] ^ mask[i & 3];
    frame[payload] = 0;
}

static void leave(int fd) {
    close(fd);
    for (int i = 0; i < members_count; i++)
        if (members[i] == fd) members[i--] = members[--members_count];
}

static void take(int fd) {
    static char text[READ_BYTES + 1];
    ssize_t length = recv(fd, text, READ_BYTES, 0);
    if (length <= 0) {
        leave(fd);
        return;
    }
    text[length] = 0;
    if (stages[fd] == UPGRADING) {
        const char *answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        send_all(fd, answer, strlen(answer));
        send_text(fd, "0{}");
        stages[fd] = CONNECTING;
        return;
    }
    unmask((unsigned char *)text, (size_t)length);
    if (stages[fd] == CONNECTING && !strncmp(text, "40", 2)) {
        send_text(fd, "40{\"sid\":\"x\"}");
        stages[fd] = CONNECTED;
    } else if (strstr(text, "\"join\"")) {
        char ack[32];
        snprintf(ack, sizeof ack, "43%d[]", atoi(text + 2));
        send_text(fd, ack);
        members[members_count++] = fd;
    } else if (strstr(text, "\"go\"")) {
        go(number_behind(text, "\"messages\":"), (int)number_behind(text, "\"per_tick\":"));
    }
}

int main(int count, char **arguments) {
    if (count != 2) return 2;
    int listener = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(arguments[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (void *)&address, sizeof address) || listen(listener, 4096)) {
        perror("listen");
        return 1;
    }
    epoll_fd = epoll_create1(0);
    watch(listener);
    struct epoll_event events[256];
    for (;;) {
        int ready = epoll_wait(epoll_fd, events, 256, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd != listener) {
                take(fd);
                continue;
            }
            int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
            if (client < 0) continue;
            if (client >= MAX_DESCRIPTORS) {
                close(client);
                continue;
            }
            setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
            stages[client] = UPGRADING;
            watch(client);
        }
    }
}
