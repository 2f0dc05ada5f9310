// Module `mps2`: a NOR flash in the memory that outlives the power, the image with the program, and the counter.
// NOR's rule holds: programming clears bits, erasing a sector sets them. Both go piece by piece and take as long as is
// strapped, so that a power cut finds the first part done.
#include "py/mphal.h"
#include "py/objarray.h"
#include "py/runtime.h"
#include "extmod/vfs.h"

#include "board.h"

#define WORD_BYTES 8
#define ERASE_SLICE_BYTES 256

typedef struct {
    mp_obj_base_t base;
    uint8_t *start;
    uint32_t sectors, sector_bytes;
} flash_t;

static flash_t *self_of(mp_obj_t self_in) {
    return MP_OBJ_TO_PTR(self_in);
}

static uint8_t *at(flash_t *self, uint32_t offset, uint32_t length) {
    uint32_t bytes = self->sectors * self->sector_bytes;
    if (offset > bytes || length > bytes - offset) {
        mp_raise_ValueError(MP_ERROR_TEXT("beyond the end of the flash"));
    }
    return self->start + offset;
}

static void read(flash_t *self, uint32_t offset, mp_obj_t buffer_in) {
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(buffer_in, &buffer, MP_BUFFER_WRITE);
    memcpy(buffer.buf, at(self, offset, buffer.len), buffer.len);
}

static void wait_us(uint32_t duration_us) {
    if (STRAPS->magic == STRAPS_MAGIC && duration_us) {
        mp_hal_delay_us(duration_us);
    }
}

static void program(flash_t *self, uint32_t offset, mp_obj_t content_in) {
    mp_buffer_info_t content;
    mp_get_buffer_raise(content_in, &content, MP_BUFFER_READ);
    volatile uint8_t *to = at(self, offset, content.len);
    const uint8_t *from = content.buf;
    for (size_t i = 0; i < content.len; i++) {
        if (from[i] & ~to[i]) {
            mp_raise_ValueError(MP_ERROR_TEXT("a bit can be set by erasing its sector only"));
        }
    }
    FLASH_IS_BUSY = 1;
    for (size_t i = 0; i < content.len; i++) {
        to[i] = from[i];
        if (i % WORD_BYTES == WORD_BYTES - 1) {
            wait_us(STRAPS->word_us);
        }
    }
    FLASH_IS_BUSY = 0;
}

static void erase(flash_t *self, uint32_t sector) {
    volatile uint8_t *to = at(self, sector * self->sector_bytes, self->sector_bytes);
    FLASH_IS_BUSY = 1;
    for (uint32_t i = 0; i < self->sector_bytes; i++) {
        to[i] = 0xff;
        if (i % ERASE_SLICE_BYTES == ERASE_SLICE_BYTES - 1) {
            wait_us(STRAPS->erase_us / (self->sector_bytes / ERASE_SLICE_BYTES));
        }
    }
    FLASH_IS_BUSY = 0;
}

// Flash(offset, sectors, sector_bytes)
static mp_obj_t flash_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 3, 3, false);
    uint32_t offset = mp_obj_get_int(args[0]), sectors = mp_obj_get_int(args[1]), bytes = mp_obj_get_int(args[2]);
    if (bytes < ERASE_SLICE_BYTES || offset > FLASH_BYTES || sectors > (FLASH_BYTES - offset) / bytes) {
        mp_raise_ValueError(MP_ERROR_TEXT("beyond the end of the flash"));
    }
    flash_t *self = mp_obj_malloc(flash_t, type);
    self->start = (uint8_t *)(PSRAM + offset);
    self->sectors = sectors;
    self->sector_bytes = bytes;
    return MP_OBJ_FROM_PTR(self);
}

static void flash_attr(mp_obj_t self_in, qstr name, mp_obj_t *value) {
    if (value[0] != MP_OBJ_NULL) {
        return; // nothing can be set
    }
    if (name == MP_QSTR_sectors) {
        value[0] = MP_OBJ_NEW_SMALL_INT(self_of(self_in)->sectors);
    } else if (name == MP_QSTR_sector_bytes) {
        value[0] = MP_OBJ_NEW_SMALL_INT(self_of(self_in)->sector_bytes);
    } else {
        value[1] = MP_OBJ_SENTINEL; // look among the methods
    }
}

static mp_obj_t flash_read(mp_obj_t self_in, mp_obj_t offset, mp_obj_t buffer) {
    read(self_of(self_in), mp_obj_get_int(offset), buffer);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_3(flash_read_obj, flash_read);

static mp_obj_t flash_program(mp_obj_t self_in, mp_obj_t offset, mp_obj_t content) {
    program(self_of(self_in), mp_obj_get_int(offset), content);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_3(flash_program_obj, flash_program);

static mp_obj_t flash_erase(mp_obj_t self_in, mp_obj_t sector) {
    erase(self_of(self_in), mp_obj_get_int(sector));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(flash_erase_obj, flash_erase);

// ---- the block device of MicroPython's file systems (vfs.AbstractBlockDev, the extended interface)

static uint32_t block_offset(size_t n_args, const mp_obj_t *args) {
    uint32_t offset = n_args > 3 ? mp_obj_get_int(args[3]) : 0;
    return mp_obj_get_int(args[1]) * self_of(args[0])->sector_bytes + offset;
}

static mp_obj_t flash_readblocks(size_t n_args, const mp_obj_t *args) {
    read(self_of(args[0]), block_offset(n_args, args), args[2]);
    return MP_OBJ_NEW_SMALL_INT(0);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(flash_readblocks_obj, 3, 4, flash_readblocks);

static mp_obj_t flash_writeblocks(size_t n_args, const mp_obj_t *args) {
    program(self_of(args[0]), block_offset(n_args, args), args[2]);
    return MP_OBJ_NEW_SMALL_INT(0);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(flash_writeblocks_obj, 3, 4, flash_writeblocks);

static mp_obj_t flash_ioctl(mp_obj_t self_in, mp_obj_t request, mp_obj_t argument) {
    switch (mp_obj_get_int(request)) {
        case MP_BLOCKDEV_IOCTL_BLOCK_COUNT:
            return MP_OBJ_NEW_SMALL_INT(self_of(self_in)->sectors);
        case MP_BLOCKDEV_IOCTL_BLOCK_SIZE:
            return MP_OBJ_NEW_SMALL_INT(self_of(self_in)->sector_bytes);
        case MP_BLOCKDEV_IOCTL_BLOCK_ERASE:
            erase(self_of(self_in), mp_obj_get_int(argument));
    }
    return MP_OBJ_NEW_SMALL_INT(0);
}
static MP_DEFINE_CONST_FUN_OBJ_3(flash_ioctl_obj, flash_ioctl);

static const mp_rom_map_elem_t flash_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_read), MP_ROM_PTR(&flash_read_obj) },
    { MP_ROM_QSTR(MP_QSTR_program), MP_ROM_PTR(&flash_program_obj) },
    { MP_ROM_QSTR(MP_QSTR_erase), MP_ROM_PTR(&flash_erase_obj) },
    { MP_ROM_QSTR(MP_QSTR_readblocks), MP_ROM_PTR(&flash_readblocks_obj) },
    { MP_ROM_QSTR(MP_QSTR_writeblocks), MP_ROM_PTR(&flash_writeblocks_obj) },
    { MP_ROM_QSTR(MP_QSTR_ioctl), MP_ROM_PTR(&flash_ioctl_obj) },
};
static MP_DEFINE_CONST_DICT(flash_locals, flash_locals_table);

static MP_DEFINE_CONST_OBJ_TYPE(
    flash_type, MP_QSTR_Flash, MP_TYPE_FLAG_NONE,
    make_new, flash_make_new, attr, flash_attr, locals_dict, &flash_locals);

// ---- the rest of the module

// rom(): the ROM file system as a memoryview, None where there is none
static mp_obj_t mps2_rom(void) {
    if (STRAPS->magic != STRAPS_MAGIC || !STRAPS->romfs_bytes) {
        return mp_const_none;
    }
    return mp_obj_new_memoryview('B', STRAPS->romfs_bytes, (void *)ROMFS);
}
static MP_DEFINE_CONST_FUN_OBJ_0(mps2_rom_obj, mps2_rom);

// mode(): what the host has set
static mp_obj_t mps2_mode(void) {
    return MP_OBJ_NEW_SMALL_INT(STRAPS->magic == STRAPS_MAGIC ? STRAPS->mode : 0);
}
static MP_DEFINE_CONST_FUN_OBJ_0(mps2_mode_obj, mps2_mode);

// count(): of 25 MHz, modulo 2^30; under -icount shift=0 it counts every 40 instructions
static mp_obj_t mps2_count(void) {
    return MP_OBJ_NEW_SMALL_INT(mp_hal_ticks_cpu() & 0x3fffffff);
}
static MP_DEFINE_CONST_FUN_OBJ_0(mps2_count_obj, mps2_count);

static const mp_rom_map_elem_t mps2_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_mps2) },
    { MP_ROM_QSTR(MP_QSTR_Flash), MP_ROM_PTR(&flash_type) },
    { MP_ROM_QSTR(MP_QSTR_rom), MP_ROM_PTR(&mps2_rom_obj) },
    { MP_ROM_QSTR(MP_QSTR_mode), MP_ROM_PTR(&mps2_mode_obj) },
    { MP_ROM_QSTR(MP_QSTR_count), MP_ROM_PTR(&mps2_count_obj) },
};
static MP_DEFINE_CONST_DICT(mps2_globals, mps2_globals_table);

const mp_obj_module_t mps2_module = { { &mp_type_module }, (mp_obj_dict_t *)&mps2_globals };
MP_REGISTER_MODULE(MP_QSTR_mps2, mps2_module);
