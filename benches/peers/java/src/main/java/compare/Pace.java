package compare;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.locks.LockSupport;

/** Sleeping until a point in time, as precisely as Linux can. */
final class Pace {
    private Pace() {}

    static void sleepUntil(long due) {
        for (long wait = due - System.nanoTime(); wait > 0; wait = due - System.nanoTime()) {
            LockSupport.parkNanos(wait);
        }
    }

    /** Asks Linux to wake this thread on time instead of up to 50 us late; elsewhere it does without. */
    static void wakeOnTime() {
        try {
            Path thread = Files.readSymbolicLink(Path.of("/proc/thread-self")).getFileName();
            Files.writeString(Path.of("/proc", thread.toString(), "timerslack_ns"), "1");
        } catch (IOException | SecurityException error) {
            // No /proc, or not permitted: sleeps then end as late as the system likes.
        }
    }
}
