#include "point.h"
#include "tables.h"

static const field ONE = {1};

void point_set_neutral(point *out) {
    wipe(out, sizeof *out);
    out->y[0] = out->z[0] = out->h[0] = 1;
}

/* X, Y, Z from the four factors that both formulas end in; E and H stay for T */
static void finish(point *p, const field f, const field g) {
    field_multiply(p->x, p->e, f);
    field_multiply(p->y, g, p->h);
    field_multiply(p->z, f, g);
}

/* "dbl-2008-hwcd" for a = -1 (Hisil, Wong, Carter, Dawson 2008, section 3.3) with all four factors negated */
void point_double(point *p) {
    field xx, yy, f, g;
    field_add(p->e, p->x, p->y);
    field_square(p->e, p->e);
    field_square(xx, p->x);
    field_square(yy, p->y);
    field_add(p->h, yy, xx);
    field_subtract(p->e, p->h, p->e);
    field_subtract(g, xx, yy);
    field_square(f, p->z);
    field_add(f, f, f);
    field_add(f, f, g);
    finish(p, f, g);
}

/* "add-2008-hwcd-3" (ibid., section 3.1) */
static void add(point *p, const field plus, const field minus, const field t_2d, const field z_2) {
    field a, c, f, g;
    field_multiply(c, p->e, p->h);
    field_multiply(c, c, t_2d);
    field_subtract(a, p->y, p->x);
    field_multiply(a, a, minus);
    field_add(f, p->y, p->x);
    field_multiply(f, f, plus);
    field_subtract(p->e, f, a);
    field_add(p->h, f, a);
    if (z_2)
        field_multiply(a, p->z, z_2);
    else
        field_add(a, p->z, p->z);
    field_subtract(f, a, c);
    field_add(g, a, c);
    finish(p, f, g);
}

void point_add(point *p, const cached *other) { add(p, other->plus, other->minus, other->t_2d, other->z_2); }

static void negate(field out, const field a) {
    static const field zero = {0};
    field_subtract(out, zero, a);
}

void point_negate(point *p) {
    negate(p->x, p->x);
    negate(p->e, p->e);
}

void point_cache(cached *out, const point *p) {
    field_add(out->plus, p->y, p->x);
    field_subtract(out->minus, p->y, p->x);
    field_multiply(out->t_2d, p->e, p->h);
    field_multiply(out->t_2d, out->t_2d, TWICE_D);
    field_add(out->z_2, p->z, p->z);
}

void point_odd_multiples(cached *out, point *p) {
    cached twice;
    point_cache(&out[0], p);
    point_double(p);
    point_cache(&twice, p);
    point_set_neutral(p);
    point_add(p, &out[0]);
    for (int i = 1; i < ODD_MULTIPLES; i++) {
        point_add(p, &twice);
        point_cache(&out[i], p);
    }
}

void point_add_digit(point *p, const cached *odd_multiples, int digit) {
    const cached *multiple = &odd_multiples[(digit < 0 ? -digit : digit) >> 1];
    if (digit > 0) {
        point_add(p, multiple);
        return;
    }
    field t_2d;
    negate(t_2d, multiple->t_2d);
    add(p, multiple->minus, multiple->plus, t_2d, multiple->z_2);
}

/* Reads every entry of the row, so that neither time nor addresses tell which one was taken. */
static void select_entry(word *out, const word *row, word index) {
    for (int i = 0; i < ENTRY_WORDS; i++) out[i] = 0;
    for (word entry = 0; entry < ROW_ENTRIES; entry++, row += ENTRY_WORDS) {
        word other = entry ^ index;
        word mask = opaque(mask_of((other - 1) >> 31));
        for (int i = 0; i < ENTRY_WORDS; i++) out[i] |= mask & row[i];
    }
}

/* The digits of one column of a row as a number, the highest tooth's first. */
static word column_digits(const scalar signs, int row, int column) {
    word digits = 0;
    for (int tooth = TEETH - 1; tooth >= 0; tooth--) {
        int bit = (tooth * ROWS + row) * COLUMNS + column;
        digits = digits << 1 | (signs[bit >> 5] >> (bit & 31) & 1);
    }
    return digits;
}

/* Half of a row's points are in the table; for the others all digits are the other way round, and the point negative. */
static void add_row(point *p, const scalar signs, int row, int column) {
    word digits = column_digits(signs, row, column);
    word is_negative = 1 ^ (digits >> (TEETH - 1));
    word entry[ENTRY_WORDS];
    field plus, negative;
    select_entry(entry, BASE_TABLE + row * ROW_ENTRIES * ENTRY_WORDS, (digits ^ mask_of(is_negative)) & (ROW_ENTRIES - 1));
    field_copy(plus, entry);
    copy_words_if(is_negative, entry, entry + WORDS, WORDS);
    copy_words_if(is_negative, entry + WORDS, plus, WORDS);
    negate(negative, entry + 2 * WORDS);
    copy_words_if(is_negative, entry + 2 * WORDS, negative, WORDS);
    add(p, entry, entry + WORDS, entry + 2 * WORDS, NULL);
}

void point_add_column(point *p, const scalar signs, int column) {
    for (int row = 0; row < ROWS; row++) add_row(p, signs, row, column);
}

void point_encode(uint8_t *out, const point *p, const field inverse_z) {
    field x, y;
    field_multiply(x, p->x, inverse_z);
    field_reduce(x, x);
    field_multiply(y, p->y, inverse_z);
    field_reduce(y, y);
    y[WORDS - 1] |= x[0] << 31;
    store_words(out, y, WORDS);
}

/* y as it was sent, below 2^255 */
static void load_y(field y, const uint8_t *encoded) {
    load_words(y, encoded, WORDS);
    y[WORDS - 1] &= 0x7fffffff;
}

/* u = y^2 - 1, v = d * y^2 + 1 and u * v^3 */
static void load_fraction(field u, field v, field uv3, const uint8_t *encoded) {
    load_y(v, encoded);
    field_square(v, v);
    field_subtract(u, v, ONE);
    field_multiply(v, v, D);
    field_add(v, v, ONE);
    field_square(uv3, v);
    field_multiply(uv3, uv3, v);
    field_multiply(uv3, uv3, u);
}

void point_decode_start(power *root, const uint8_t *encoded) {
    field u, v, uv7;
    load_fraction(u, v, uv7, encoded);
    field_square_times(v, v, 2);
    field_multiply(uv7, uv7, v);
    power_start(root, uv7);
}

int point_decode_end(point *out, const power *root, const uint8_t *encoded) {
    field u, v, vxx;
    load_fraction(u, v, out->x, encoded);
    power_to_root(vxx, root);
    field_multiply(out->x, out->x, vxx);
    field_square(vxx, out->x);
    field_multiply(vxx, vxx, v);
    if (!field_equals(vxx, u)) {
        negate(vxx, vxx);
        if (!field_equals(vxx, u)) return 0;
        field_multiply(out->x, out->x, SQRT_MINUS_1);
    }
    field_reduce(out->x, out->x);
    if ((out->x[0] & 1) != encoded[31] >> 7) negate(out->x, out->x);
    load_y(out->y, encoded);
    field_copy(out->z, ONE);
    field_copy(out->e, out->x);
    field_copy(out->h, out->y);
    return 1;
}

int point_is_canonical(const uint8_t *encoded) {
    field y, reduced;
    load_y(y, encoded);
    field_reduce(reduced, y);
    word other = 0;
    for (int i = 0; i < WORDS; i++) other |= y[i] ^ reduced[i];
    return other == 0;
}

/* y is 0, 1, -1 or one of the two of order 8, which are each other's negative: their squares are three numbers. */
int point_has_small_order(const uint8_t *encoded) {
    field yy;
    load_y(yy, encoded);
    field_square(yy, yy);
    return field_is_zero(yy) || field_equals(yy, ONE) || field_equals(yy, ORDER_8_YY);
}
