/* The Python side: a MicroPython module of functions on a job that Python allocated, a bytearray of STATE_BYTES.
 *
 * A native module has no memory of its own that survives a soft reset, and Python knows best when a job is free again.
 */
#include "py/dynruntime.h"

#include "ed25519.h"

static const uint8_t *bytes_of(mp_obj_t object, size_t count) {
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(object, &buffer, MP_BUFFER_READ);
    if (buffer.len != count) mp_raise_ValueError("wrong length");
    return buffer.buf;
}

static job *job_of(mp_obj_t object) {
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(object, &buffer, MP_BUFFER_RW);
    if (buffer.len != sizeof(job) || (uintptr_t)buffer.buf % sizeof(wide)) mp_raise_ValueError("no state");
    return buffer.buf;
}

static mp_obj_t begin_public(mp_obj_t state, mp_obj_t seed) {
    ed25519_begin_public(job_of(state), bytes_of(seed, KEY_BYTES));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(begin_public_obj, begin_public);

static mp_obj_t begin_sign(mp_obj_t state, mp_obj_t seed, mp_obj_t public) {
    ed25519_begin_sign(job_of(state), bytes_of(seed, KEY_BYTES), bytes_of(public, KEY_BYTES));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_3(begin_sign_obj, begin_sign);

static mp_obj_t begin_verify(mp_obj_t state, mp_obj_t public, mp_obj_t signature) {
    ed25519_begin_verify(job_of(state), bytes_of(public, KEY_BYTES), bytes_of(signature, SIGNATURE_BYTES));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_3(begin_verify_obj, begin_verify);

/* The public key, the signature, or the number of the reason for refusing one. */
static mp_obj_t result(const job *j) {
    if (j->kind == VERIFY) return MP_OBJ_NEW_SMALL_INT(j->verdict);
    return mp_obj_new_bytes(j->signature, j->kind == SIGN ? SIGNATURE_BYTES : KEY_BYTES);
}

/* run(state, message, steps): None while there is more to do */
static mp_obj_t run(mp_obj_t state, mp_obj_t message, mp_obj_t steps) {
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(message, &buffer, MP_BUFFER_READ);
    job *j = job_of(state);
    for (mp_int_t i = mp_obj_get_int(steps); i > 0; i--)
        if (ed25519_step(j, buffer.buf, buffer.len)) return result(j);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_3(run_obj, run);

static mp_obj_t forget(mp_obj_t state) {
    wipe(job_of(state), sizeof(job));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(forget_obj, forget);

static mp_obj_t hash(mp_obj_t message) {
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(message, &buffer, MP_BUFFER_READ);
    sha512 running;
    uint8_t digest[HASH_BYTES];
    sha512_start(&running);
    sha512_add(&running, buffer.buf, buffer.len);
    sha512_end(&running, digest);
    return mp_obj_new_bytes(digest, HASH_BYTES);
}
static MP_DEFINE_CONST_FUN_OBJ_1(hash_obj, hash);

mp_obj_t mpy_init(mp_obj_fun_bc_t *self, size_t n_args, size_t n_kw, mp_obj_t *args) {
    MP_DYNRUNTIME_INIT_ENTRY
    mp_store_global(MP_QSTR_STATE_BYTES, MP_OBJ_NEW_SMALL_INT(sizeof(job)));
    mp_store_global(MP_QSTR_begin_public, MP_OBJ_FROM_PTR(&begin_public_obj));
    mp_store_global(MP_QSTR_begin_sign, MP_OBJ_FROM_PTR(&begin_sign_obj));
    mp_store_global(MP_QSTR_begin_verify, MP_OBJ_FROM_PTR(&begin_verify_obj));
    mp_store_global(MP_QSTR_run, MP_OBJ_FROM_PTR(&run_obj));
    mp_store_global(MP_QSTR_forget, MP_OBJ_FROM_PTR(&forget_obj));
    mp_store_global(MP_QSTR_sha512, MP_OBJ_FROM_PTR(&hash_obj));
    MP_DYNRUNTIME_INIT_EXIT
}
