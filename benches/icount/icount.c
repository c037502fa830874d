// A plugin for QEMU that counts the instructions of the emulated processor between calls of a function.
//
//     qemu-system-arm … -plugin libicount.so,mark=0x1234,top=0x20400000,out=counts.txt
//
// mark  the address of the function; each time it is entered, the instructions since the last time are written as a line
// top   the first address of the stack; at the end the depth of the lowest write below it is written as `stack BYTES`
// out   the file that is written
//
// QEMU's headers are not needed: what is used of its plugin interface is declared here, from its documentation. INTERFACE is
// its version: 1 for QEMU 4.2 to 8.2, 2 for QEMU 9.0 and later, which have counters for each processor.
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t plugin_id;
typedef uint32_t memory_info;
struct qemu_plugin_tb;
struct qemu_plugin_insn;

extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block, size_t index);
extern uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *instruction);
extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*translated)(plugin_id, struct qemu_plugin_tb *));
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *instruction,
                                                   void (*executed)(unsigned processor, void *data), int registers,
                                                   void *data);
extern void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *instruction,
                                             void (*accessed)(unsigned processor, memory_info, uint64_t address, void *),
                                             int registers, int accesses, void *data);
extern void qemu_plugin_register_atexit_cb(plugin_id id, void (*ended)(plugin_id, void *), void *data);

enum { ADD = 0, NO_REGISTERS = 0, WRITES = 2 };

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = INTERFACE;

// Counting: `count_start` once, `count_this` for each instruction that shall be counted, `counted` at any time.
#if INTERFACE == 1
extern void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *instruction, int operation, void *number,
                                                       uint64_t operand);
static uint64_t count;
static void count_start(void) {}
static void count_this(struct qemu_plugin_insn *instruction) {
    qemu_plugin_register_vcpu_insn_exec_inline(instruction, ADD, &count, 1);
}
static uint64_t counted(void) { return count; }
#else
struct qemu_plugin_scoreboard;
typedef struct {
    struct qemu_plugin_scoreboard *board;
    size_t offset;
} number_of_each;
extern struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t size);
extern void *qemu_plugin_scoreboard_find(struct qemu_plugin_scoreboard *board, unsigned processor);
extern void qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(struct qemu_plugin_insn *instruction, int operation,
                                                                number_of_each number, uint64_t operand);
static number_of_each count;
static void count_start(void) { count.board = qemu_plugin_scoreboard_new(sizeof(uint64_t)); }
static void count_this(struct qemu_plugin_insn *instruction) {
    qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(instruction, ADD, count, 1);
}
static uint64_t counted(void) { return *(uint64_t *)qemu_plugin_scoreboard_find(count.board, 0); }
#endif

static uint64_t at_mark, mark, top, lowest;
static FILE *out;

static void on_mark(unsigned processor, void *data) {
    (void)processor;
    (void)data;
    fprintf(out, "%llu\n", (unsigned long long)(counted() - at_mark));
    at_mark = counted();
}

static void on_write(unsigned processor, memory_info info, uint64_t address, void *data) {
    (void)processor;
    (void)info;
    (void)data;
    // Addresses far below the top are not the stack but static data or devices.
    if (address < lowest && address + (1 << 20) > top) lowest = address;
}

static void on_translation(plugin_id id, struct qemu_plugin_tb *block) {
    (void)id;
    size_t instructions = qemu_plugin_tb_n_insns(block);
    for (size_t i = 0; i < instructions; i++) {
        struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(block, i);
        count_this(instruction);
        if (mark && qemu_plugin_insn_vaddr(instruction) == mark)
            qemu_plugin_register_vcpu_insn_exec_cb(instruction, on_mark, NO_REGISTERS, NULL);
        if (top) qemu_plugin_register_vcpu_mem_cb(instruction, on_write, NO_REGISTERS, WRITES, NULL);
    }
}

static void on_end(plugin_id id, void *data) {
    (void)id;
    (void)data;
    if (top) fprintf(out, "stack %llu\n", (unsigned long long)(top - lowest));
    fclose(out);
}

EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv) {
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (!strncmp(argv[i], "mark=", 5)) mark = strtoull(argv[i] + 5, NULL, 0) & ~1ull; // without the Thumb bit
        if (!strncmp(argv[i], "top=", 4)) lowest = top = strtoull(argv[i] + 4, NULL, 0);
        if (!strncmp(argv[i], "out=", 4)) out = fopen(argv[i] + 4, "w");
    }
    if (!out) return 1;
    count_start();
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    qemu_plugin_register_atexit_cb(id, on_end, NULL);
    return 0;
}
