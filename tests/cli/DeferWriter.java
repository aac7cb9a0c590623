import java.io.IOException;
import java.nio.file.*;
import java.util.*;
import java.util.stream.*;

/** A writer as search indexes have it: segments that are written once, and a manifest that names those in use. */
public class DeferWriter {
    static Path dir;

    static List<String> list() throws IOException {
        try (Stream<Path> files = Files.list(dir)) {
            return files.map(p -> p.getFileName().toString()).filter(n -> !n.startsWith(".segreg")).sorted()
                .collect(Collectors.toList());
        }
    }

    static void check(boolean is, String what) throws IOException {
        if (!is)
            throw new IOException(what + ", with " + list());
    }

    static void commit(int generation, String segment) throws IOException {
        Path pending = dir.resolve("pending_segments_" + generation);

        Files.writeString(pending, segment, StandardOpenOption.CREATE_NEW);
        Files.move(pending, dir.resolve("segments_" + generation), StandardCopyOption.ATOMIC_MOVE);
    }

    /** Replace the segment of one generation by that of the next. Names come again after ten. */
    static void step(int generation) throws IOException {
        Path old = dir.resolve("_" + (generation - 1) % 10 + ".cfs"), next = dir.resolve("_" + generation % 10 + ".cfs");

        Files.writeString(next, "rows of " + generation, StandardOpenOption.CREATE_NEW);
        commit(generation, next.getFileName().toString());
        Files.delete(old);
        Files.delete(dir.resolve("segments_" + (generation - 1)));
        check(!Files.exists(old) && !old.toFile().exists(), "a deleted file exists");
        try {
            Files.newInputStream(old).close();
            check(false, "a deleted file can be opened");
        } catch (NoSuchFileException e) {
            // as it must be
        }
        check(list().equals(List.of(next.getFileName().toString(), "segments_" + generation)), "wrong files");
    }

    public static void main(String[] args) throws IOException {
        int first = Integer.parseInt(args[1]), last = Integer.parseInt(args[2]);

        dir = Path.of(args[0]);
        if (first < 0) {
            Files.writeString(dir.resolve("_0.cfs"), "rows of 0");
            commit(0, "_0.cfs");
        }
        for (int generation = Math.max(first, 0) + 1; generation <= last; generation++)
            step(generation);
    }
}
