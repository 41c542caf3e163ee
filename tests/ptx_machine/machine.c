/* A block of CUDA threads on the processor: fibers that take turns at random.

   Included by the C of one kernel (see translate.py). Every access of memory is checked: it lies
   within an array of the arguments, and no two threads touch a cell without a barrier between them
   when one of them writes and not both are atomic. A barrier is reached by all threads of a block,
   at one place. */

#include <math.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

enum { READY, WAITS, DONE };
enum { READS, WRITES, ADDS };

typedef struct {
    int32_t thread, block, state, barrier, started;
    uint32_t epoch;
    jmp_buf at;
    ucontext_t start;
    char *stack;
} Fiber;

/* Who touched a cell last: threads are numbered from 1 through the whole grid. */
typedef struct {
    uint32_t writer, writer_epoch, reader, reader_epoch;
    uint8_t atomic, many; /* many: read since the last barrier by several threads 1, by blocks 2 */
} Cell;

typedef struct {
    uint64_t begin, end, item;
    Cell *cells;
} Array;

static Fiber *me;
static Array *arrays;
static Array *shared_arrays;
static int n_arrays, n_threads_, n_blocks_, dynamic_bytes, benign;
static uint64_t state_;
static char *trouble;
static jmp_buf scheduler;
static int budget;

static uint64_t draw(void) {
    uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static void note(const char *what, uint64_t address, int line) {
    if (!trouble[0])
        snprintf(trouble, 200, "%s (line %d of the PTX, block %d, thread %d, address %llx)", what,
                 line, me->block, me->thread, (unsigned long long)address);
    me->state = DONE;
    _longjmp(scheduler, 1);
}

static void give_way(void) {
    budget = 1 + (int)(draw() % 97);
    if (!_setjmp(me->at)) _longjmp(scheduler, 1);
}

static int apart(uint32_t other, uint32_t epoch) {
    uint32_t own = 1 + me->block * n_threads_ + me->thread;
    if (!other || other == own) return 0;
    return (int)((other - 1) / n_threads_) != me->block || epoch == me->epoch;
}

static void touch(Array *in, uint64_t address, int kind, int line) {
    Cell *cell = in->cells + (address - in->begin) / in->item;
    uint32_t own = 1 + me->block * n_threads_ + me->thread;
    int both_atomic = kind == ADDS && cell->atomic;
    if (apart(cell->writer, cell->writer_epoch) && !both_atomic && !(benign && kind == READS))
        note("two threads meet at a cell that one has written", address, line);
    if (kind == READS) {
        if (apart(cell->reader, cell->reader_epoch))
            cell->many |= (int)((cell->reader - 1) / n_threads_) == me->block ? 1 : 2;
        else if (cell->reader_epoch != me->epoch)
            cell->many &= 2;
        cell->reader = own;
        cell->reader_epoch = me->epoch;
    } else {
        int met = (cell->many & 1) && cell->reader_epoch == me->epoch;
        if (!benign && (met || cell->many & 2 || apart(cell->reader, cell->reader_epoch)))
            note("a thread writes what another reads", address, line);
        cell->writer = own;
        cell->writer_epoch = me->epoch;
        cell->atomic = kind == ADDS;
    }
}

static void *reach(uint64_t address, int size, int kind, int line) {
    if (--budget <= 0) give_way();
    for (int i = 0; i < n_arrays; i++)
        if (address >= arrays[i].begin && address + size <= arrays[i].end) {
            if (address % size) note("an address is not aligned", address, line);
            touch(arrays + i, address, kind, line);
            return (void *)address;
        }
    note("an address lies in no array", address, line);
    return NULL;
}

static void *reach_shared(uint64_t address, int size, int kind, int line) {
    if (--budget <= 0) give_way();
    Array *own = shared_arrays + me->block;
    if (address + size > own->end - own->begin)
        note("an address lies beyond the shared memory", address, line);
    touch(own, own->begin + address, kind, line);
    return (void *)(own->begin + address);
}

static void wait_for_all(int line) {
    me->state = WAITS;
    me->barrier = line;
    give_way();
}

#define LOAD(T, a, line) (*(T *)reach(a, sizeof(T), READS, line))
#define STORE(T, a, v, line) (*(T *)reach(a, sizeof(T), WRITES, line) = (T)(v))
#define LOAD_SHARED(T, a, line) (*(T *)reach_shared(a, sizeof(T), READS, line))
#define STORE_SHARED(T, a, v, line) (*(T *)reach_shared(a, sizeof(T), WRITES, line) = (T)(v))
#define ATOMIC(T, place, op, v) ({ T *p_ = (place); T old_ = *p_; *p_ = old_ op (T)(v); old_; })
#define SHL(T, bits, a, n) ((uint32_t)(n) >= bits ? (T)0 : (T)((T)(a) << (uint32_t)(n)))
#define SHR(T, bits, a, n) \
    ((T)((uint32_t)(n) >= bits ? ((T)-1 < 0 && (T)(a) < 0 ? (T)-1 : (T)0) : (T)(a) >> (uint32_t)(n)))

#define FIELD(n) ((n) >= 64 ? ~0ull : (1ull << (n)) - 1)
#define BFI(T, bits, a, b, at, n) \
    ((T)(((uint64_t)(b) & ~(FIELD((uint32_t)(n)) << (uint32_t)(at))) | \
         (((uint64_t)(a) & FIELD((uint32_t)(n))) << (uint32_t)(at))))
#define BFE(T, bits, a, at, n) \
    ((T)((uint32_t)(n) == 0 ? (T)0 \
         : (T)((T)((T)(a) << (bits - (uint32_t)(at) - (uint32_t)(n))) >> (bits - (uint32_t)(n)))))
#define POPC(bits, a) __builtin_popcountll((uint64_t)(a))
#define CLZ(bits, a) ((a) ? __builtin_clzll((uint64_t)(a)) - (64 - bits) : bits)

static void thread_of_kernel(uint64_t **params);
static uint64_t **params_;

static void enter(void) {
    thread_of_kernel(params_);
    me->state = DONE;
    _longjmp(scheduler, 1);
}

static void take_turn(void) {
    if (_setjmp(scheduler)) return;
    if (me->started) _longjmp(me->at, 1);
    me->started = 1;
    setcontext(&me->start);
}

static int release(Fiber *fibers) {
    int waiting = 0, line = -1;
    for (int i = 0; i < n_threads_; i++) {
        if (fibers[i].state == READY) return 0;
        if (fibers[i].state == WAITS) {
            waiting++;
            if (line >= 0 && line != fibers[i].barrier) line = -2;
            if (line == -1) line = fibers[i].barrier;
        }
    }
    if (!waiting) return 0;
    if (waiting < n_threads_ || line == -2) {
        snprintf(trouble, 200, "%d of %d threads of a block wait at a barrier (line %d of the PTX)",
                 waiting, n_threads_, line);
        return -1;
    }
    for (int i = 0; i < n_threads_; i++) {
        fibers[i].state = READY;
        fibers[i].epoch++;
    }
    return 0;
}

enum { STACK = 1 << 16, AT_ONCE = 3 };

/* Blocks run a few at a time, in a random order; `sizes` is begin, end, item of each array. */
int run(uint64_t **params, int n_blocks, int n_threads, int static_bytes, int shared_bytes,
        uint64_t seed, int count, uint64_t *sizes, int is_benign, char *message) {
    n_threads_ = n_threads, n_blocks_ = n_blocks, dynamic_bytes = shared_bytes, state_ = seed;
    trouble = message, params_ = params, benign = is_benign, n_arrays = count;
    message[0] = 0;
    arrays = calloc(count + 1, sizeof(Array));
    for (int i = 0; i < count; i++) {
        arrays[i].begin = sizes[3 * i], arrays[i].end = sizes[3 * i + 1];
        arrays[i].item = sizes[3 * i + 2];
        arrays[i].cells = calloc((arrays[i].end - arrays[i].begin) / arrays[i].item + 1, sizeof(Cell));
    }
    shared_arrays = calloc(n_blocks, sizeof(Array));
    int *order = malloc(n_blocks * sizeof(int));
    for (int i = 0; i < n_blocks; i++) order[i] = i;
    for (int i = n_blocks - 1; i > 0; i--) {
        int j = draw() % (i + 1), kept = order[i];
        order[i] = order[j], order[j] = kept;
    }
    Fiber *fibers = calloc(AT_ONCE * n_threads, sizeof(Fiber));
    for (int i = 0; i < AT_ONCE * n_threads; i++) fibers[i].stack = malloc(STACK);
    for (int first = 0; first < n_blocks && !message[0]; first += AT_ONCE) {
        int here = n_blocks - first < AT_ONCE ? n_blocks - first : AT_ONCE;
        for (int b = 0; b < here; b++) {
            int block = order[first + b], bytes = static_bytes + shared_bytes;
            char *memory = malloc(bytes + 8);
            memset(memory, 0xA5, bytes + 8);
            Array *own = shared_arrays + block;
            own->begin = (uint64_t)memory, own->end = own->begin + bytes, own->item = 4;
            own->cells = calloc(bytes / 4 + 2, sizeof(Cell));
            for (int t = 0; t < n_threads; t++) {
                Fiber *fiber = fibers + b * n_threads + t;
                fiber->thread = t, fiber->block = block, fiber->state = READY, fiber->epoch = 0;
                fiber->started = 0;
                getcontext(&fiber->start);
                fiber->start.uc_stack.ss_sp = fiber->stack;
                fiber->start.uc_stack.ss_size = STACK;
                makecontext(&fiber->start, enter, 0);
            }
        }
        int ready = 1;
        while (ready && !message[0]) {
            int n = here * n_threads, from = draw() % n;
            ready = 0;
            for (int i = 0; i < n; i++) {
                me = fibers + (from + i) % n;
                if (me->state == READY) {
                    ready = 1;
                    take_turn();
                    break;
                }
            }
            if (!ready || draw() % 8 == 0)
                for (int b = 0; b < here; b++) {
                    int before = message[0];
                    if (release(fibers + b * n_threads) < 0 && !before) break;
                }
            if (!ready)
                for (int i = 0; i < n; i++) ready |= fibers[i].state == READY;
        }
        for (int b = 0; b < here; b++) {
            free((void *)shared_arrays[order[first + b]].begin);
            free(shared_arrays[order[first + b]].cells);
        }
    }
    for (int i = 0; i < AT_ONCE * n_threads; i++) free(fibers[i].stack);
    for (int i = 0; i < count; i++) free(arrays[i].cells);
    free(arrays), free(shared_arrays), free(order), free(fibers);
    return message[0] != 0;
}
