/* Online SGD of an ensemble of two-layer linear networks, n = m = p = N, Gaussian inputs, dense
 * teacher: the fastest plain C of its kind that we know how to write, as a yardstick.
 *
 * Eight replicas per vector (GCC vector extensions: AVX-512 where there is, narrower elsewhere),
 * xoshiro256++ and Box-Muller in the loop, everything in structure-of-arrays order. */
#include <math.h>
#include <stdint.h>

#ifndef N
#error "compile with -DN=<inputs>"
#endif

typedef double floats __attribute__((vector_size(64)));
typedef uint64_t words __attribute__((vector_size(64)));
typedef int64_t integers __attribute__((vector_size(64)));

static inline words rotated(words x, int bits) { return (x << bits) | (x >> (64 - bits)); }

static inline floats roots(floats x)
{
    floats y;
    for (int lane = 0; lane < 8; lane++)
        y[lane] = __builtin_sqrt(x[lane]);
    return y;
}

static inline words next(words *s)
{
    const words result = rotated(s[0] + s[3], 23) + s[0];
    const words shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotated(s[3], 45);
    return result;
}

static inline void normal_pair(words bits, floats *first, floats *second)
{
    const words one = (words){} + 0x3ff0000000000000ull;
    const words root_half = (words){} + 0x3fe6a09e667f3bcdull;
    const floats u = 2.0 - (floats)(((bits >> 12) & 0x000ffffffffff000ull) | one);
    const integers offset = (integers)((words)u - root_half);
    const integers exponent = offset >> 52;
    const floats f = (floats)((words)u - (words)(exponent << 52)) - 1.0;
    floats p = f * 0.09435518106718771 - 0.18179509018907036;
    p = p * f + 0.18685762903933686;
    p = p * f - 0.1810901110185001;
    p = p * f + 0.19757939621984108;
    p = p * f - 0.22205976559572668;
    p = p * f + 0.25013281406862214;
    p = p * f - 0.28572732204869256;
    p = p * f + 0.3333298028516325;
    p = p * f - 0.3999996591825462;
    p = p * f + 0.5000000409632879;
    p = p * f - 0.666666669591482;
    p = p * f + 0.9999999998594361;
    p = p * f - 1.9999999999961737;
    const floats squared = __builtin_convertvector(exponent, floats) * -1.3862943611198906 + p * f;
    const words sign = (bits << 40) & 0x8000000000000000ull;
    const floats radius = (floats)((words)roots(squared) | sign);
    const floats angle
        = ((floats)(((bits << 29) & 0x000fffffe0000000ull) | one) - 1.5) * 3.141592653589793;
    const floats t = angle * angle;
    floats c = t * 1.9907506103760227e-09 - 2.7524670425081666e-07;
    c = c * t + 2.4801039928008272e-05;
    c = c * t - 0.0013888884170789055;
    c = c * t + 0.04166666647285179;
    c = c * t - 0.4999999999701275;
    c = c * t + 0.9999999999992479;
    floats s = t * 1.54112197466489e-10 - 2.503026818882279e-08;
    s = s * t + 2.7556952912858047e-06;
    s = s * t - 0.00019841266683130672;
    s = s * t + 0.00833333332035835;
    s = s * t - 0.16666666666466673;
    s = s * t + 0.9999999999999496;
    *first = radius * c;
    *second = radius * (angle * s);
}

/* Rows that are worked on together, so that their sums do not wait for each other. */
#define ROWS (N < 4 ? N : 4)

/* Where eight networks leave the first-level cache, the step of W waits for the next inputs, when
 * the same rows are needed.  There is one group then. */
#define DELAYED (2 * N * N > 256)

static inline void add_outer(floats *restrict w, const floats *restrict v, const floats *restrict x)
{
    for (int j = 0; j < N; j++)
        for (int r = 0; r < ROWS; r++)
            w[r * N + j] += v[r] * x[j];
}

static inline void multiply(const floats *restrict w, const floats *restrict x, floats *restrict h)
{
    floats total[ROWS] = {};
    for (int j = 0; j < N; j++)
        for (int r = 0; r < ROWS; r++)
            total[r] += w[r * N + j] * x[j];
    for (int r = 0; r < ROWS; r++)
        h[r] = total[r];
}

/* weights: groups x (N*N of W, N*N of U) vectors; states: groups x 4 vectors.
 *
 * Between steps the layers are held as multiples of a common factor, which decays in their place:
 * an update then is one fused operation. */
void advance(floats *restrict weights, words *restrict states, const double *restrict scales,
    const double *restrict teacher, double rate, double decay, long groups, long steps)
{
    const double keep = 1.0 - rate * decay;
    const double gain = rate / keep;
    double factor = 1.0;
    floats x[N + N % 2], h[N], e[ROWS], v[N], previous[N];
    for (int k = 0; k < N; k++)
        v[k] = previous[k] = (floats){};
    for (long t = 0; t < steps; t++) {
        const double damping = gain * factor * factor;
        factor *= keep;
        for (long g = 0; g < groups; g++) {
            floats *restrict w = weights + g * 2 * N * N;
            floats *restrict u = w + N * N;
            words s[4];
            for (int k = 0; k < 4; k++)
                s[k] = states[4 * g + k];
            for (int k = 0; k < N; k += 2)
                normal_pair(next(s), &x[k], &x[k + 1]);
            for (int k = 0; k < 4; k++)
                states[4 * g + k] = s[k];
            for (int j = 0; j < N; j++)
                x[j] *= scales[j];
            for (int i = 0; i < N; i += ROWS) {
                if (DELAYED)
                    add_outer(w + i * N, v + i, previous);
                multiply(w + i * N, x, h + i);
            }
            for (int i = 0; i < N; i++)
                v[i] = (floats){};
            for (int o = 0; o < N; o += ROWS) {
                floats label[ROWS] = {};
                multiply(u + o * N, h, e);
                for (int j = 0; j < N; j++)
                    for (int r = 0; r < ROWS; r++)
                        label[r] += teacher[(o + r) * N + j] * x[j];
                for (int r = 0; r < ROWS; r++)
                    e[r] = gain * label[r] - damping * e[r];
                for (int i = 0; i < N; i++)
                    for (int r = 0; r < ROWS; r++) {
                        v[i] += u[(o + r) * N + i] * e[r];
                        u[(o + r) * N + i] += e[r] * h[i];
                    }
            }
            for (int i = 0; !DELAYED && i < N; i += ROWS)
                add_outer(w + i * N, v + i, x);
            for (int j = 0; DELAYED && j < N; j++)
                previous[j] = x[j];
        }
        if (t + 1 == steps || factor < 1e-30) {
            for (int i = 0; DELAYED && i < N; i += ROWS)
                add_outer(weights + i * N, v + i, previous);
            for (int k = 0; k < N; k++)
                v[k] = (floats){};
            for (long k = 0; k < groups * 2 * N * N; k++)
                weights[k] *= factor;
            factor = 1.0;
        }
    }
}
