// Websocket frames (RFC 6455), as far as a client needs that trusts its server: no fragments, no extensions.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MAX_HEAD 8  // of a frame that is sent: two bytes, a length of two, the mask
#define OPCODE_TEXT 1
#define OPCODE_CLOSE 8
#define OPCODE_PING 9
#define OPCODE_PONG 10

static inline uint32_t websocket_mask(void) {
    static uint32_t state = 2463534242u;  // xorshift32: masks must differ, and here nobody guesses at them
    state ^= state << 13;
    state ^= state >> 17;
    return state ^= state << 5;
}

// Writes a masked frame of at most 65,535 bytes; returns how long it is.
static inline size_t websocket_write(unsigned char *frame, int opcode, const char *payload, size_t length) {
    size_t head = 2;
    frame[0] = (unsigned char)(0x80 | opcode);
    if (length < 126) {
        frame[1] = (unsigned char)(0x80 | length);
    } else {
        frame[1] = 0x80 | 126;
        frame[2] = (unsigned char)(length >> 8);
        frame[3] = (unsigned char)length;
        head = 4;
    }
    uint32_t mask = websocket_mask();
    memcpy(frame + head, &mask, 4);
    for (size_t i = 0; i < length; i++) frame[head + 4 + i] = (unsigned char)payload[i] ^ frame[head + (i & 3)];
    return head + 4 + length;
}

// How many bytes the frame takes that these begin with, its head of `*head` bytes included; 0: it is not whole yet.
static inline size_t websocket_frame_length(const unsigned char *bytes, size_t length, size_t *head) {
    if (length < 2) return 0;
    size_t payload = bytes[1] & 127;
    *head = 2;
    if (payload == 126) {
        if (length < 4) return 0;
        payload = (size_t)bytes[2] << 8 | bytes[3];
        *head = 4;
    } else if (payload == 127) {
        if (length < 10) return 0;
        payload = 0;
        for (int i = 2; i < 10; i++) payload = payload << 8 | bytes[i];
        *head = 10;
    }
    return length < *head + payload ? 0 : *head + payload;
}
