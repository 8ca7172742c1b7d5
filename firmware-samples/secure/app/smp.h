/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * SMP (Simple Management Protocol, mcumgr) versions 1 and 2: header, dispatch to commands, error answers.
 */
#ifndef SMP_H
#define SMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cbor.h"

enum smp_group { SMP_GROUP_OS = 0, SMP_GROUP_IMAGE = 1, SMP_GROUP_OWN = 64 };

enum smp_op { SMP_READ = 0, SMP_READ_ANSWER = 1, SMP_WRITE = 2, SMP_WRITE_ANSWER = 3 };

/* Errors of SMP itself, in both versions {"rc": n}. */
enum smp_rc {
    SMP_RC_OK = 0,
    SMP_RC_UNKNOWN = 1,
    SMP_RC_NO_MEMORY = 2,
    SMP_RC_INVALID = 3,
    SMP_RC_NOT_FOUND = 5,
    SMP_RC_BAD_STATE = 6,
    SMP_RC_MESSAGE_SIZE = 7,
    SMP_RC_NOT_SUPPORTED = 8,
    SMP_RC_CORRUPT = 9,
    SMP_RC_BUSY = 10,
    SMP_RC_ACCESS_DENIED = 11,
    SMP_RC_TOO_NEW = 13,
};

/* How a command ended.  An error of a group goes to clients of version 2 as {"err": {"group", "rc"}}, to those of
 * version 1 as the error of SMP itself that comes nearest. */
struct smp_status {
    uint8_t rc;       /* enum smp_rc */
    uint8_t group_rc; /* number within the group; 0: not an error of the group */
};

#define SMP_OK ((struct smp_status){SMP_RC_OK, 0})

static inline struct smp_status smp_error(enum smp_rc rc)
{
    return (struct smp_status){(uint8_t)rc, 0};
}

static inline struct smp_status smp_group_error(unsigned int group_rc, enum smp_rc rc)
{
    return (struct smp_status){(uint8_t)rc, (uint8_t)group_rc};
}

/* Errors of the group for images, as Zephyr numbers them. */
enum smp_image_error {
    IMAGE_ERROR_NO_IMAGE = 3,
    IMAGE_ERROR_FLASH_WRITE_FAILED = 12,
    IMAGE_ERROR_FLASH_ERASE_FAILED = 13,
    IMAGE_ERROR_INVALID_SLOT = 14,
    IMAGE_ERROR_INVALID_OFFSET = 20,
    IMAGE_ERROR_INVALID_LENGTH = 21,
    IMAGE_ERROR_INVALID_HEADER = 22,
    IMAGE_ERROR_INVALID_MAGIC = 23,
    IMAGE_ERROR_INVALID_HASH = 24,
    IMAGE_ERROR_CURRENT_IS_NEWER = 27,
    IMAGE_ERROR_ALREADY_PENDING = 28,
    IMAGE_ERROR_TOO_LARGE = 30,
    IMAGE_ERROR_DATA_OVERRUN = 31,
    IMAGE_ERROR_CONFIRMATION_DENIED = 32,
    IMAGE_ERROR_TEST_OF_ACTIVE_DENIED = 33,
};

/* Errors of the sample's own group. */
enum smp_own_error {
    OWN_ERROR_NOTHING_PENDING = 2, /* consent to what? */
    OWN_ERROR_CONSENT_NEEDED = 3,
    OWN_ERROR_BUSY = 4,            /* the application is in the middle of something */
    OWN_ERROR_NOT_DEFERRABLE = 5,  /* critical, or the deferrals are used up */
    OWN_ERROR_NO_KEY = 6,          /* not provisioned: no challenge can be answered */
    OWN_ERROR_FAILED = 7,          /* no signature came out */
    OWN_ERROR_STATE = 8,           /* a request or a trial is under way */
    OWN_ERROR_ENROL_STATE = 9,     /* a unit with an injected secret gets no key of its own */
    OWN_ERROR_NO_SECRET = 10,      /* the debug probe wrote no enrolment record */
    OWN_ERROR_RANDOM = 11,         /* the source of random numbers failed its tests */
    OWN_ERROR_FLASH = 12,          /* what was written does not read back, or a key is damaged */
    OWN_ERROR_FROZEN = 13,         /* enrolment is over */
    OWN_ERROR_NO_CERTIFICATE = 14, /* none, or not twice */
    OWN_ERROR_CERTIFICATE = 15,    /* hash, DER or key are not what was announced */
};

struct smp_request {
    uint16_t group;
    uint8_t command;
    uint8_t op;
    const uint8_t *body; /* CBOR */
    size_t length;
};

struct smp_answer {
    struct cbor_out out;
    const uint8_t *tail; /* bytes that follow what was written to out; they stay where they are */
    size_t tail_length;
    uint16_t group;      /* that a group error belongs to: the request's, unless the command sets another */
    bool reset;          /* after this answer was sent */
};

/* Most that a command may write to out. */
#define SMP_ANSWER_BYTES 640u
#define SMP_HEADER_BYTES 8u

struct smp_command {
    uint16_t group;
    uint8_t command;
    uint8_t op;
    struct smp_status (*run)(const struct smp_request *request, struct smp_answer *answer);
};

/* The commands of each group, ended by one without run. */
extern const struct smp_command smp_os_commands[];
extern const struct smp_command smp_image_commands[];
extern const struct smp_command smp_own_commands[];
extern const struct smp_command smp_enrol_commands[]; /* of the own group as well */

/* Carries out the packet and sends its answer through put.  Packets that are no requests get none.  True when the
 * chip is to be reset now. */
bool smp_handle(const uint8_t *packet, size_t length, void (*put)(uint8_t byte));

#endif
