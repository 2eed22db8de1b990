/* Everything that the shim needs of Windows 10 and later. Handles have 32 significant bits there, so a slot's wake handle
 * fits into its word; it is an I/O completion port, the one on which the owner waits for everything (core/netio). */
#define WIN32_LEAN_AND_MEAN
#define _WIN32_WINNT 0x0A00
#include <windows.h>

#include "internal.h"

void musubi_futex_wait(musubi_a32 *word, uint32_t value, uint32_t timeout_ms)
{
    WaitOnAddress((volatile void *)word, &value, sizeof value, timeout_ms); /* UINT32_MAX is INFINITE */
}

void musubi_futex_wake(musubi_a32 *word) { WakeByAddressAll((void *)word); }

uint64_t musubi_now_us(void)
{
    LARGE_INTEGER count, hertz;

    QueryPerformanceFrequency(&hertz);
    QueryPerformanceCounter(&count);
    return (uint64_t)(count.QuadPart / hertz.QuadPart) * 1000000 +
           (uint64_t)(count.QuadPart % hertz.QuadPart) * 1000000 / (uint64_t)hertz.QuadPart;
}

void musubi_yield(void) { SwitchToThread(); }

void *musubi_map(uint64_t size, uint64_t guard_at)
{
    uint8_t *memory = VirtualAlloc(NULL, size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    DWORD old;

    if (memory != NULL)
        VirtualProtect(memory + guard_at, size - guard_at, PAGE_NOACCESS, &old);
    return memory;
}

void musubi_unmap(void *memory, uint64_t size)
{
    (void)size;
    VirtualFree(memory, 0, MEM_RELEASE);
}

uint32_t musubi_wake_make(void)
{
    HANDLE port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 1);

    return port == NULL ? 0 : (uint32_t)(uintptr_t)port + 1;
}

void musubi_wake_signal(uint32_t handle)
{
    PostQueuedCompletionStatus((HANDLE)(uintptr_t)(handle - 1), 0, MUSUBI_WAKE_IDENT, NULL);
}

struct job {
    void (*run)(void *);
    void *arg;
};

static DWORD WINAPI thread_main(void *arg)
{
    struct job *job = arg;

    job->run(job->arg);
    return 0;
}

int32_t musubi_on_own_thread(void (*run)(void *), void *arg)
{
    struct job job = {run, arg};
    HANDLE thread = CreateThread(NULL, 0, thread_main, &job, 0, NULL);

    if (thread == NULL)
        return MUSUBI_ERR_MEMORY;
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
    return MUSUBI_OK;
}

/* Go's runtime can't be unloaded (golang/go#32497): its threads would go on in memory that is gone. */
void musubi_stay_loaded(void)
{
    HMODULE self;

    GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
                       (const wchar_t *)(uintptr_t)&musubi_stay_loaded, &self);
}
