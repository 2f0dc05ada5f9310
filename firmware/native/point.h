/* Points of edwards25519 (RFC 8032 section 5.1.4): x = X/Z, y = Y/Z, and x * y = T/Z with T left as the product E * H,
 * because a doubling does not need it. The same formulas and the same comb as logger/core/edwards25519.py.
 */
#ifndef PACKSEAL_POINT_H
#define PACKSEAL_POINT_H

#include "field.h"
#include "scalar.h"

typedef struct {
    field x, y, z, e, h;
} point;

/* What every addition of a point needs: y + x, y - x, 2 * d * t, 2 * z */
typedef struct {
    field plus, minus, t_2d, z_2;
} cached;

void point_set_neutral(point *out);
void point_double(point *p);
void point_add(point *p, const cached *other);
void point_negate(point *p);
void point_cache(cached *out, const point *p);

/* 1, 3, 5, ... 15 times p, for the digits of scalar_digits; changes p. Variable time: digit not 0. */
#define ODD_MULTIPLES (1 << (DIGIT_BITS - 2))
void point_odd_multiples(cached *out, point *p);
void point_add_digit(point *p, const cached *odd_multiples, int digit);

/* Adds the comb's points of one column of base point multiples, chosen by scalar_signs. Constant time. */
void point_add_column(point *p, const scalar signs, int column);

/* y with x's lowest bit as bit 255: the encoding (section 5.1.2), for 1/z */
void point_encode(uint8_t *out, const point *p, const field inverse_z);

/* Decoding (section 5.1.3) in two halves, between which the caller raises *root to (P - 5)/8 by power_step.
 * point_decode_end returns whether there is such a point. y is taken modulo P. */
void point_decode_start(power *root, const uint8_t *encoded);
int point_decode_end(point *out, const power *root, const uint8_t *encoded);

/* Whether y is below P; whether the bytes, canonical or not, are a point whose order divides 8. Variable time. */
int point_is_canonical(const uint8_t *encoded);
int point_has_small_order(const uint8_t *encoded);

#endif
