/*
 * check.hpp - what tests in C++ share: checks, and a base directory with a registry. For programs with and without
 * exceptions.
 */
#ifndef T_CHECK_HPP
#define T_CHECK_HPP

#include <segreg.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>

#include <sys/stat.h>
#include <unistd.h>

#define CHECK(claim) check((claim), #claim, __FILE__, __LINE__)
/* The call succeeds; it fails with this error. */
#define OK(call) CHECK((call).has_value())
#define FAILS(errc, call) CHECK((call).error() == (errc))

inline void check(bool holds, const char *claim, const char *file, int line)
{
	if (holds)
		return;
	std::printf("FAILED: %s:%d: %s; last error: %s\n", file, line, claim, segregxx::last_error());
	std::exit(1);
}

/* A base of its own in the directory that the script gives, and a registry in it. */
struct World {
	explicit World(const char *name) : base(std::string(std::getenv("T_SCRATCH")) + "/" + name)
	{
		CHECK(::mkdir(base.c_str(), 0777) == 0);
	}
	segregxx::Registry open() const
	{
		auto reg = segregxx::Registry::open(base + "/registry", segregxx::OpenOptions(SEGREG_CREATE));

		OK(reg);
		return std::move(*reg);
	}
	/* The path of a new file below base, relative to base. */
	std::string file(const std::string &name, const std::string &text) const
	{
		std::FILE *file = std::fopen((base + "/" + name).c_str(), "w");

		CHECK(file && std::fwrite(text.data(), 1, text.size(), file) == text.size());
		CHECK(std::fclose(file) == 0);
		return name;
	}
	bool has(const std::string &name) const
	{
		return ::access((base + "/" + name).c_str(), F_OK) == 0;
	}

	std::string base;
};

/* Segment id: a file whose text is its name. */
inline void add(const World &w, const segregxx::Registry &reg, std::uint64_t id)
{
	OK(reg.add(id, w.file("seg-" + std::to_string(id), "text of " + std::to_string(id))));
}

inline std::uint64_t pins_of(const segregxx::Registry &reg, std::uint64_t id)
{
	auto count = reg.refcount(id);

	OK(count);
	return *count;
}

#endif
