// A histogram of latencies: 128 buckets to a power of two, so that a quantile is right within 0.8 %.
#pragma once
#include <stdint.h>

#define SUB_BITS 7
#define SUB_BUCKETS (1 << SUB_BITS)
#define BUCKETS ((64 - SUB_BITS + 1) * SUB_BUCKETS)

typedef struct {
    uint64_t count, max;
    uint32_t buckets[BUCKETS];
} histogram;

static inline void histogram_add(histogram *h, int64_t signed_value) {
    uint64_t value = signed_value < 0 ? 0 : (uint64_t)signed_value;
    int index = (int)value;
    if (value >= SUB_BUCKETS) {
        int exponent = 63 - __builtin_clzll(value);
        index = ((exponent - SUB_BITS + 1) << SUB_BITS) + (int)((value >> (exponent - SUB_BITS)) & (SUB_BUCKETS - 1));
    }
    h->buckets[index]++;
    h->count++;
    if (value > h->max) h->max = value;
}

// The upper edge of a bucket.
static inline uint64_t histogram_upper(int index) {
    if (index < SUB_BUCKETS) return (uint64_t)index;
    int exponent = (index >> SUB_BITS) + SUB_BITS - 1;
    uint64_t low = (1ULL << exponent) + ((uint64_t)(index & (SUB_BUCKETS - 1)) << (exponent - SUB_BITS));
    return low + (1ULL << (exponent - SUB_BITS)) - 1;
}

// The value below which `quantile` (0 to 1) of all values lie: the upper edge of its bucket.
static inline uint64_t histogram_quantile(const histogram *h, double quantile) {
    uint64_t wanted = (uint64_t)(quantile * (double)h->count), seen = 0;
    for (int index = 0; index < BUCKETS; index++) {
        seen += h->buckets[index];
        if (seen <= wanted) continue;
        uint64_t upper = histogram_upper(index);
        return upper < h->max ? upper : h->max;
    }
    return h->max;
}
