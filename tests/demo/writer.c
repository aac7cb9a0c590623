/*
 * writer.c - writing a segment, and making it durable before it is registered.
 */
#include "writer.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static FILE *create(int dir, const char *name)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	FILE *stream;

	if (fd == -1)
		return NULL;
	stream = fdopen(fd, "w");
	if (!stream)
		close(fd);
	return stream;
}

static int sync_and_close(FILE *stream)
{
	int failure = 0;

	if (fflush(stream) == EOF || fsync(fileno(stream)) == -1)
		failure = errno;
	else if (ferror(stream))
		failure = EIO;
	if (fclose(stream) == EOF && !failure)
		failure = errno;
	return failure;
}

static int sync_directory(int fd)
{
	int failure = fsync(fd) == -1 ? errno : 0;

	close(fd);
	return failure;
}

static void append(struct writer *writer, enum segment_part part, const void *data, size_t length)
{
	fwrite(data, 1, length, writer->stream[part]);
	writer->manifest.part[part].length += length;
	writer->manifest.part[part].checksum = segment_checksum(writer->manifest.part[part].checksum, data, length);
}

static int begin_failed(struct writer *writer)
{
	int failure = errno;

	for (enum segment_part part = 0; part < SEGMENT_PARTS; part++)
		if (writer->stream[part])
			fclose(writer->stream[part]);
	if (writer->dir != -1)
		close(writer->dir);
	if (writer->base != -1)
		close(writer->base);
	errno = failure;
	return -1;
}

int writer_begin(struct writer *writer, const char *base, const char *path, uint64_t id)
{
	*writer = (struct writer){ .dir = -1, .manifest = { .magic = SEGMENT_MAGIC, .id = id } };
	writer->base = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (writer->base == -1 || mkdirat(writer->base, path, 0755) == -1)
		return begin_failed(writer);
	writer->dir = openat(writer->base, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (writer->dir == -1)
		return begin_failed(writer);
	for (enum segment_part part = 0; part < SEGMENT_PARTS; part++) {
		writer->manifest.part[part].checksum = SEGMENT_CHECKSUM_START;
		writer->stream[part] = create(writer->dir, segment_part_names[part]);
		if (!writer->stream[part])
			return begin_failed(writer);
	}
	return 0;
}

uint32_t writer_document(struct writer *writer, const struct document *document, const char *text)
{
	struct document copy = *document;

	copy.offset = writer->manifest.part[PART_TEXTS].length;
	append(writer, PART_TEXTS, text, copy.length);
	append(writer, PART_DOCUMENTS, &copy, sizeof(copy));
	return writer->documents++;
}

static void end_term(struct writer *writer)
{
	if (writer->term.count)
		append(writer, PART_TERMS, &writer->term, sizeof(writer->term));
}

void writer_posting(struct writer *writer, const struct word *word, uint32_t document, uint32_t offset)
{
	struct posting posting = { document, offset };

	if (!writer->term.count || word_compare(&writer->term.word, word) != 0) {
		end_term(writer);
		writer->term = (struct term){ .word = *word, .first = writer->postings };
	}
	append(writer, PART_POSTINGS, &posting, sizeof(posting));
	writer->term.count++;
	writer->postings++;
}

static int write_manifest(struct writer *writer)
{
	FILE *stream = create(writer->dir, SEGMENT_MANIFEST);

	if (!stream)
		return errno;
	writer->manifest.checksum = segment_manifest_checksum(&writer->manifest);
	fwrite(&writer->manifest, sizeof(writer->manifest), 1, stream);
	return sync_and_close(stream);
}

int writer_finish(struct writer *writer)
{
	int failure = 0, later;

	end_term(writer);
	for (enum segment_part part = 0; part < SEGMENT_PARTS; part++) {
		later = sync_and_close(writer->stream[part]);
		failure = failure ? failure : later;
	}
	if (!failure)
		failure = write_manifest(writer);
	later = sync_directory(writer->dir);
	failure = failure ? failure : later;
	later = sync_directory(writer->base);
	failure = failure ? failure : later;
	errno = failure;
	return failure ? -1 : 0;
}
