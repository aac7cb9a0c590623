/*
 * segreg.hpp - segreg.h for C++17 and later: objects that release what they hold, and errors as values or exceptions.
 *
 *      auto reg = segregxx::Registry::open("/var/lib/engine/registry").value();
 *      if (auto pin = reg.pin(42)) {
 *              ... read segment 42; it cannot vanish ...
 *      }                           // here the pin is released
 *
 * The header is all there is: a program includes it and links the library. Each method calls one function of segreg.h,
 * whose comment there is its contract. The comments here say what is different in C++. The namespace is segregxx,
 * because struct segreg has the other name.
 *
 * Errors. A call that can fail returns a Result. Each call leaves the choice between a value and an exception:
 *      segregxx::Pin pin = reg.pin(42).value();               // throws segregxx::Error
 *      auto pin = reg.pin(42);
 *      if (!pin && pin.error() == segregxx::Errc::noent) ...  // throws nothing
 * A result that is not looked at is a warning of the compiler. The header also compiles with -fno-exceptions and
 * -fno-rtti. Without exceptions it has no value(), no Error, no Pin(registry, id) and no range over a Snapshot.
 * last_error() is the text of the calling thread's last failure.
 *
 * Exceptions. These throw segregxx::Error: value(), a range over a Snapshot, and the constructor Pin(registry, id).
 * A call that takes a function of the caller lets pass what that function throws. A call that allocates throws
 * std::bad_alloc: it returns a std::string or Pins, or takes a container of strings. All other calls are noexcept.
 *
 * Functions of the caller. Walks and sweeps take any function object, without an allocation. It returns void, or a bool
 * of which false ends the walk. It may throw: the exception waits until the call of the library has ended, and goes on
 * then. It must not end its thread by pthread_exit(3).
 *
 * Objects. Registry, Pin, Pins, Snapshot, Horizon, Map, Watch, Edit and File can be moved, not copied. An object that
 * was moved from, released or never filled is empty. An empty object may be destroyed, assigned to and asked whether it
 * is empty. Its other calls fail with Errc::inval, but close() and abort() do nothing. The same holds for the object in
 * a failed Result.
 *
 * Order of ends. A Registry should live longer than the objects that it gave. If it ends first, then what they hold
 * ends with it, at once. They may be destroyed afterwards, in any order, and their calls fail with Errc::inval. That
 * holds also after another Registry was opened. A temporary Registry gives no such objects.
 *
 * Threads. Any number of threads may use one Registry at once. Its destruction, close() and assignment come after all
 * other calls on it and on its objects have returned. One thread at a time may use any other object. Any thread may
 * destroy it.
 *
 * Fork. A forked child may use its copy of a Registry. What the parent's objects hold stays the parent's: the child's
 * copies of them hold nothing, and their destruction releases nothing. It attaches the child to the registry, however,
 * like any call. A child that ends by _exit(2) or execve(2) destroys nothing.
 *
 * Cost. A pin and its release compile to one call each of segreg_pin and segreg_unpin; nothing is counted, locked or
 * allocated beside. Where each nanosecond counts, write Pin pin(registry, id), or keep the Result: value() moves the
 * pin.
 */
#ifndef SEGREG_HPP
#define SEGREG_HPP

#if __cplusplus < 201703L
#error "segreg.hpp needs C++17; segreg.h compiles from C++11 on"
#endif

#include <segreg.h>

#include <array>
#include <chrono>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

#if defined(__cpp_exceptions)
#include <exception>
#define SEGREGXX_EXCEPTIONS 1
#else
#define SEGREGXX_EXCEPTIONS 0
#endif

#pragma GCC visibility push(default)

namespace segregxx
{

/* ------------------------------------------------------------------ names */

class Registry;
template <typename T> class Result;

/* Structs of segreg.h, by names that no function hides. */
using RawPin = struct ::segreg_pin;
using RawSnapshot = struct ::segreg_snapshot;
using RawMap = struct ::segreg_map;
using RawWatch = struct ::segreg_watch;
using Entry = struct ::segreg_entry;
using Stats = struct ::segreg_stats;
using Info = struct ::segreg_info;
using Holder = struct ::segreg_holder;
using Hold = struct ::segreg_hold;
using Finding = struct ::segreg_finding;
using LogEntry = struct ::segreg_log_entry;
using Lease = struct ::segreg_lease;
using LeaseItem = struct ::segreg_lease_item;
using SweepEvent = struct ::segreg_sweep_event;
using SweepResult = struct ::segreg_sweep_result;
using DebugItem = struct ::segreg_debug_item;
using State = enum ::segreg_state;
using Order = enum ::segreg_order;

/* What Registry::find finds. */
struct Found {
	std::uint64_t id;
	State state;
};

/* Options, with their size set and all else zero. The members are those of the struct in segreg.h. */
struct OpenOptions : ::segreg_open_options {
	explicit OpenOptions(unsigned flags_ = 0) noexcept : ::segreg_open_options(SEGREG_OPEN_OPTIONS_INIT)
	{
		flags = flags_;
	}
};

struct SweepOptions : ::segreg_sweep_options {
	explicit SweepOptions(unsigned flags_ = 0) noexcept : ::segreg_sweep_options(SEGREG_SWEEP_OPTIONS_INIT)
	{
		flags = flags_;
	}
};

struct DebugOptions : ::segreg_debug_options {
	explicit DebugOptions(unsigned flags_ = 0) noexcept : ::segreg_debug_options(SEGREG_DEBUG_OPTIONS_INIT)
	{
		flags = flags_;
	}
};

/* As a timeout: wait without a limit. */
inline constexpr std::chrono::milliseconds forever{ -1 };

/* ------------------------------------------------------------------ arguments */

/*
 * Text with a NUL at its end, of the caller: a const char *, a std::string, a std::filesystem::path. It is for
 * arguments alone, and has no text of its own.
 */
class Text
{
public:
	Text(const char *text = nullptr) noexcept : text_(text)
	{
	}
	template <typename String, typename = std::enable_if_t<std::is_convertible_v<
					   decltype(std::declval<const String &>().c_str()), const char *>>>
	Text(const String &string) noexcept : text_(string.c_str())
	{
	}
	const char *get() const noexcept
	{
		return text_;
	}

private:
	const char *text_;
};

/* A row of objects of the caller, such as an array, a std::vector or a std::span. C++17 has no std::span. */
template <typename T> class Span
{
public:
	constexpr Span() noexcept = default;
	constexpr Span(T *data, std::size_t size) noexcept : data_(data), size_(size)
	{
	}
	template <std::size_t N> constexpr Span(T (&array)[N]) noexcept : data_(array), size_(N)
	{
	}
	template <typename Row, typename = std::enable_if_t<std::is_convertible_v<
					std::remove_pointer_t<decltype(std::declval<Row &>().data())> (*)[], T (*)[]>>>
	constexpr Span(Row &&row) noexcept : data_(row.data()), size_(row.size())
	{
	}
	constexpr T *data() const noexcept
	{
		return data_;
	}
	constexpr std::size_t size() const noexcept
	{
		return size_;
	}
	constexpr bool empty() const noexcept
	{
		return !size_;
	}
	constexpr T &operator[](std::size_t i) const noexcept
	{
		return data_[i];
	}
	constexpr T *begin() const noexcept
	{
		return data_;
	}
	constexpr T *end() const noexcept
	{
		return data_ + size_;
	}

private:
	T *data_ = nullptr;
	std::size_t size_ = 0;
};

/* ------------------------------------------------------------------ errors */

/* The errors of segreg.h, SEGREG_E_NOENT as Errc::noent. */
enum class Errc : int {
	inval = SEGREG_E_INVAL,
	noent = SEGREG_E_NOENT,
	exists = SEGREG_E_EXISTS,
	path = SEGREG_E_PATH,
	notpinned = SEGREG_E_NOTPINNED,
	busy = SEGREG_E_BUSY,
	conflict = SEGREG_E_CONFLICT,
	full = SEGREG_E_FULL,
	nomem = SEGREG_E_NOMEM,
	nospc = SEGREG_E_NOSPC,
	perm = SEGREG_E_PERM,
	timedout = SEGREG_E_TIMEDOUT,
	version = SEGREG_E_VERSION,
	corrupt = SEGREG_E_CORRUPT,
	mismatch = SEGREG_E_MISMATCH,
	region_lost = SEGREG_E_REGION_LOST,
	reopen = SEGREG_E_REOPEN,
	unsupported = SEGREG_E_UNSUPPORTED,
	io = SEGREG_E_IO,
	evicted = SEGREG_E_EVICTED,
	nofile = SEGREG_E_NOFILE,
	called_off = SEGREG_E_CALLED_OFF,
};

/* The text of the calling thread's last failed call (segreg_last_error). */
inline const char *last_error() noexcept
{
	return ::segreg_last_error();
}

/* The category of segreg's codes. Those that the system has too compare equal to its std::errc. */
class Category final : public std::error_category
{
public:
	const char *name() const noexcept override
	{
		return "segreg";
	}
	std::string message(int code) const override
	{
		return ::segreg_strerror(code);
	}
	std::error_condition default_error_condition(int code) const noexcept override
	{
		switch (static_cast<Errc>(code)) {
		case Errc::inval:
			return std::errc::invalid_argument;
		case Errc::noent:
			return std::errc::no_such_file_or_directory;
		case Errc::exists:
			return std::errc::file_exists;
		case Errc::busy:
			return std::errc::device_or_resource_busy;
		case Errc::nomem:
			return std::errc::not_enough_memory;
		case Errc::nospc:
			return std::errc::no_space_on_device;
		case Errc::perm:
			return std::errc::permission_denied;
		case Errc::timedout:
			return std::errc::timed_out;
		case Errc::unsupported:
			return std::errc::not_supported;
		case Errc::io:
			return std::errc::io_error;
		default:
			return std::error_condition(code, *this);
		}
	}
};

inline const std::error_category &category() noexcept
{
	static const Category only;

	return only;
}

inline std::error_code make_error_code(Errc error) noexcept
{
	return std::error_code(static_cast<int>(error), category());
}

#if SEGREGXX_EXCEPTIONS
/* What value() throws. what() is the text of last_error(), and the code's own. */
class Error : public std::system_error
{
public:
	explicit Error(int code) : std::system_error(code, category(), last_error())
	{
	}
};
#endif

namespace detail
{
struct Unfilled {
};

#if SEGREGXX_EXCEPTIONS
[[noreturn, gnu::cold, gnu::noinline]] inline void raise(int code)
{
	throw Error(code);
}
#endif
} // namespace detail

/*
 * What a call returns: a T, or the reason why there is none. It is true if there is a T. `*` and `->` reach the T; of a
 * failed Result that is an empty T. value() is the T, or throws.
 */
template <typename T> class [[nodiscard]] Result
{
public:
	using value_type = T;

	/* For a call of the library that filled value, and returned code. */
	explicit Result(int code, T value = T()) noexcept : value_(std::move(value)), code_(code < 0 ? code : 0)
	{
	}

	bool has_value() const noexcept
	{
		return !code_;
	}
	explicit operator bool() const noexcept
	{
		static_assert(!std::is_same_v<T, bool>,
			      "call has_value() or value(): which of the two truths is meant?");
		return !code_;
	}
	/* A SEGREG_E_* code; 0 if there is a value. */
	int code() const noexcept
	{
		return code_;
	}
	std::error_code error() const noexcept
	{
		return code_ ? std::error_code(code_, category()) : std::error_code();
	}

	T &operator*() &noexcept
	{
		return value_;
	}
	const T &operator*() const &noexcept
	{
		return value_;
	}
	T operator*() &&noexcept
	{
		return std::move(value_);
	}
	T *operator->() noexcept
	{
		return &value_;
	}
	const T *operator->() const noexcept
	{
		return &value_;
	}

#if SEGREGXX_EXCEPTIONS
	T &value() &
	{
		if (code_)
			detail::raise(code_);
		return value_;
	}
	const T &value() const &
	{
		if (code_)
			detail::raise(code_);
		return value_;
	}
	T value() &&
	{
		if (code_)
			detail::raise(code_);
		return std::move(value_);
	}
#endif

private:
	friend class Registry;

	Result() noexcept : value_()
	{
	}
	explicit Result(detail::Unfilled unfilled) noexcept : value_(unfilled)
	{
	}

	T value_;
	int code_ = 0;
};

template <> class [[nodiscard]] Result<void>
{
public:
	using value_type = void;

	explicit Result(int code) noexcept : code_(code < 0 ? code : 0)
	{
	}
	bool has_value() const noexcept
	{
		return !code_;
	}
	explicit operator bool() const noexcept
	{
		return !code_;
	}
	int code() const noexcept
	{
		return code_;
	}
	std::error_code error() const noexcept
	{
		return code_ ? std::error_code(code_, category()) : std::error_code();
	}
#if SEGREGXX_EXCEPTIONS
	void value() const
	{
		if (code_)
			detail::raise(code_);
	}
#endif

private:
	int code_;
};

/* ------------------------------------------------------------------ what is below the classes */

namespace detail
{

inline int milliseconds(std::chrono::milliseconds timeout) noexcept
{
	return timeout.count() < 0 ? -1 : timeout.count() > INT_MAX ? INT_MAX : static_cast<int>(timeout.count());
}

/* A program may have files with exceptions and files without: their Visitors differ, and so do their names. */
#if SEGREGXX_EXCEPTIONS
inline namespace with_exceptions
#else
inline namespace without_exceptions
#endif
{

/* What the library gets of a function of the caller: visit, and a Visitor as its argument. Nothing is allocated. */
template <typename Function> class Visitor
{
public:
	explicit Visitor(Function &function) noexcept : function_(function)
	{
	}

	/* Returns 0 to go on, 1 to end the walk. */
	template <typename... Items> int call(const Items &...items) noexcept
	{
#if SEGREGXX_EXCEPTIONS
		try {
			return ask(items...);
		} catch (...) {
			thrown_ = std::current_exception();
			return 1;
		}
#else
		return ask(items...);
#endif
	}

	/* After the library's call: what the function threw goes on now. */
	void go_on()
	{
#if SEGREGXX_EXCEPTIONS
		if (thrown_)
			std::rethrow_exception(std::exchange(thrown_, nullptr));
#endif
	}

	template <typename Item> static int visit(void *visitor, const Item *item) noexcept
	{
		return static_cast<Visitor *>(visitor)->call(*item);
	}

private:
	template <typename... Items> int ask(const Items &...items)
	{
		using Answer = std::invoke_result_t<Function &, const Items &...>;

		static_assert(std::is_void_v<Answer> || std::is_same_v<Answer, bool>,
			      "the function returns void, or a bool");
		if constexpr (std::is_void_v<Answer>)
			return function_(items...), 0;
		else
			return !function_(items...);
	}

	Function &function_;
#if SEGREGXX_EXCEPTIONS
	std::exception_ptr thrown_;
#endif
};

} // namespace

/* Call a walk of the library, given as call(visit, argument), with the function of the caller. */
template <typename Item, typename Function, typename Call> Result<void> walk(Function &function, Call &&call)
{
	Visitor<Function> visitor(function);
	int code = call(&Visitor<Function>::template visit<Item>, &visitor);

	visitor.go_on();
	return Result<void>(code);
}

/*
 * What a handle holds, of type Raw. reg_ is NULL if it is empty. A Policy has release(reg, raw), and take(raw) for the
 * raw of an object that is moved from.
 */
template <typename Raw, typename Policy> class Held
{
public:
	Held() noexcept : raw_()
	{
	}
	/* Take over what a call of segreg.h has returned for reg. */
	Held(segreg *reg, const Raw &raw) noexcept : reg_(reg), raw_(raw)
	{
	}
	Held(Held &&other) noexcept : reg_(std::exchange(other.reg_, nullptr)), raw_(Policy::take(other.raw_))
	{
	}
	Held &operator=(Held &&other) noexcept
	{
		if (this != &other) {
			drop();
			reg_ = std::exchange(other.reg_, nullptr);
			raw_ = Policy::take(other.raw_);
		}
		return *this;
	}
	~Held()
	{
		drop();
	}

	/* Whether the object is not empty. */
	explicit operator bool() const noexcept
	{
		return reg_;
	}

	/* Release it now, which makes the object empty even if the call fails. A destructor ignores such a failure. */
	Result<void> release() noexcept
	{
		return Result<void>(Policy::release(std::exchange(reg_, nullptr), raw_));
	}

	/* The struct of segreg.h, for sending it to another handle; see Registry::receive. */
	const Raw &raw() const noexcept
	{
		return raw_;
	}

	/* Give the struct of segreg.h to the caller, who releases it. */
	Raw detach() noexcept
	{
		reg_ = nullptr;
		return Policy::take(raw_);
	}

protected:
	friend class ::segregxx::Registry;
	template <typename T> friend class ::segregxx::Result;

	/* The caller fills raw_ at once. */
	explicit Held(Unfilled) noexcept
	{
	}

	void drop() noexcept
	{
		if (reg_)
			Policy::release(reg_, raw_);
	}

	segreg *reg_ = nullptr;
	Raw raw_;
};

struct PinPolicy {
	static int release(segreg *reg, RawPin &pin) noexcept
	{
		return ::segreg_unpin(reg, &pin);
	}
	/*
	 * Member by member. The library has just written a pin so. A processor that loads two members at once waits
	 * until both stores are in its cache, which takes as long as the pin.
	 */
	static RawPin take(const RawPin &pin) noexcept
	{
		RawPin copy;

		copy.id = __atomic_load_n(&pin.id, __ATOMIC_RELAXED);
		copy.owner = __atomic_load_n(&pin.owner, __ATOMIC_RELAXED);
		copy.slot = __atomic_load_n(&pin.slot, __ATOMIC_RELAXED);
		copy.generation = __atomic_load_n(&pin.generation, __ATOMIC_RELAXED);
		return copy;
	}
};

/* If the registry is closed, or has taken the pin away, the library leaves the file mapped. */
struct MapPolicy {
	static int release(segreg *reg, RawMap &map) noexcept
	{
		int code = ::segreg_unmap(reg, &map);

		if (code && map.data)
			::munmap(const_cast<void *>(map.data), map.length);
		map = SEGREG_MAP_INIT;
		return code;
	}
	static const RawMap &take(const RawMap &map) noexcept
	{
		return map;
	}
};

struct SnapshotPolicy {
	static int release(segreg *reg, RawSnapshot &snapshot) noexcept
	{
		return ::segreg_snapshot_release(reg, &snapshot);
	}
	static const RawSnapshot &take(const RawSnapshot &snapshot) noexcept
	{
		return snapshot;
	}
};

/* Pins that were taken together. */
struct PinRow {
	std::unique_ptr<RawPin[]> pins;
	std::size_t size = 0;
};

struct PinRowPolicy {
	static int release(segreg *reg, PinRow &row) noexcept
	{
		const PinRow released = take(row);

		return ::segreg_unpin_many(reg, released.pins.get(), released.size);
	}
	static PinRow take(PinRow &row) noexcept
	{
		return PinRow{ std::move(row.pins), std::exchange(row.size, 0) };
	}
};

/* If the registry is closed, or is the parent's, the library leaves the descriptor open. */
struct WatchPolicy {
	static int release(segreg *reg, RawWatch &watch) noexcept
	{
		int code = ::segreg_unwatch(reg, &watch);

		if (code && reg)
			::close(std::exchange(watch.fd, -1));
		return code;
	}
	static const RawWatch &take(const RawWatch &watch) noexcept
	{
		return watch;
	}
};

} // namespace detail

/* ------------------------------------------------------------------ files */

/* An open file of a pinned segment; its destructor closes it. The file stays readable when the pin is released. */
class File
{
public:
	File() noexcept = default;
	explicit File(int fd) noexcept : fd_(fd)
	{
	}
	File(File &&other) noexcept : fd_(other.detach())
	{
	}
	File &operator=(File &&other) noexcept
	{
		if (this != &other) {
			close();
			fd_ = other.detach();
		}
		return *this;
	}
	~File()
	{
		close();
	}
	explicit operator bool() const noexcept
	{
		return fd_ >= 0;
	}
	/* The descriptor; -1 if the object is empty. */
	int get() const noexcept
	{
		return fd_;
	}
	/* Give the descriptor to the caller, who closes it. */
	int detach() noexcept
	{
		return std::exchange(fd_, -1);
	}
	void close() noexcept
	{
		if (fd_ >= 0)
			::close(detach());
	}

private:
	int fd_ = -1;
};

namespace detail
{

/* The absolute path of a pinned segment. */
inline Result<std::string> path_of(segreg *reg, const RawPin &pin)
{
	char path[SEGREG_PATH_SIZE];
	int code = ::segreg_pin_path(reg, &pin, path, sizeof(path));

	return Result<std::string>(code, code ? std::string() : std::string(path));
}

inline Result<File> open(segreg *reg, const RawPin &pin, Text file) noexcept
{
	int fd = -1;
	int code = ::segreg_pin_open(reg, &pin, file.get(), &fd);

	return Result<File>(code, File(fd));
}

} // namespace detail

/* ------------------------------------------------------------------ pins and maps */

/* A pin: as long as it lives, its segment stays (segreg_pin). */
class [[nodiscard]] Pin : public detail::Held<RawPin, detail::PinPolicy>
{
public:
	using Held::Held;

#if SEGREGXX_EXCEPTIONS
	/* Pin id, or throw. It saves the move that Registry::pin and value() make. */
	Pin(const Registry &registry, std::uint64_t id, unsigned flags = 0);
	Pin(const Registry &&registry, std::uint64_t id, unsigned flags = 0) = delete;
#endif

	std::uint64_t id() const noexcept
	{
		return raw_.id;
	}
	/* The absolute path of the segment (segreg_pin_path). The second form writes it into the caller's memory. */
	Result<std::string> path() const
	{
		return detail::path_of(reg_, raw_);
	}
	Result<void> path(Span<char> out) const noexcept
	{
		return Result<void>(::segreg_pin_path(reg_, &raw_, out.data(), out.size()));
	}
	/* Open a file of the segment, or the segment if it is a file (segreg_pin_open). */
	Result<File> open(Text file = nullptr) const noexcept
	{
		return detail::open(reg_, raw_, file);
	}
};

/* Pins of several segments, taken together (segreg_pin_many). release() releases all of them (segreg_unpin_many). */
class [[nodiscard]] Pins : public detail::Held<detail::PinRow, detail::PinRowPolicy>
{
public:
	Pins() noexcept = default;

	std::size_t size() const noexcept
	{
		return raw_.size;
	}
	bool empty() const noexcept
	{
		return !raw_.size;
	}
	/* The pin of the i-th id; i is less than size(). The object keeps it. */
	const RawPin &operator[](std::size_t i) const noexcept
	{
		return raw_.pins[i];
	}
	const RawPin *begin() const noexcept
	{
		return raw_.pins.get();
	}
	const RawPin *end() const noexcept
	{
		return raw_.pins.get() + raw_.size;
	}
	/* As Pin::path and Pin::open, for the i-th id. */
	Result<std::string> path(std::size_t i) const
	{
		return detail::path_of(reg_, i < raw_.size ? raw_.pins[i] : RawPin());
	}
	Result<File> open(std::size_t i, Text file = nullptr) const noexcept
	{
		return detail::open(reg_, i < raw_.size ? raw_.pins[i] : RawPin(), file);
	}

private:
	using Held::detach;
	using Held::raw;
};

/* A file of a segment in memory, and the pin that keeps it there (segreg_map). */
class [[nodiscard]] Map : public detail::Held<RawMap, detail::MapPolicy>
{
public:
	using Held::Held;

	/* Where the file is; NULL if it is empty. */
	const void *data() const noexcept
	{
		return raw_.data;
	}
	std::size_t size() const noexcept
	{
		return raw_.length;
	}
	Span<const std::byte> bytes() const noexcept
	{
		return Span<const std::byte>(static_cast<const std::byte *>(raw_.data), raw_.length);
	}
	std::string_view text() const noexcept
	{
		return std::string_view(static_cast<const char *>(raw_.data), raw_.length);
	}
	std::uint64_t id() const noexcept
	{
		return raw_.pin.id;
	}
};

/* ------------------------------------------------------------------ snapshots */

/*
 * A walk over the segments of a snapshot (segreg_snapshot_next), which throws nothing:
 *      segregxx::Walk walk = snapshot.walk();
 *      for (const segregxx::Entry &entry : walk) ...
 *      if (!walk.result()) ...
 * Each begin() starts anew. The entry is valid until the next step. The snapshot lives longer than its walk.
 */
class Walk
{
public:
	struct End {
	};
	class Iterator
	{
	public:
		using iterator_category = std::input_iterator_tag;
		using value_type = Entry;
		using difference_type = std::ptrdiff_t;
		using pointer = const Entry *;
		using reference = const Entry &;

		Iterator() noexcept = default;
		explicit Iterator(Walk *walk) noexcept : walk_(walk)
		{
		}
		reference operator*() const noexcept
		{
			return walk_->entry();
		}
		pointer operator->() const noexcept
		{
			return &walk_->entry();
		}
		Iterator &operator++() noexcept
		{
			walk_->next();
			return *this;
		}
		void operator++(int) noexcept
		{
			walk_->next();
		}
		bool is_at_end() const noexcept
		{
			return walk_->code_ <= 0;
		}

	private:
		Walk *walk_ = nullptr;
	};

	/* Step to the next segment. Returns false at the end, and after a failure. */
	bool next() noexcept
	{
		code_ = ::segreg_snapshot_next(reg_, &snapshot_, &entry_);
		return code_ > 0;
	}
	const Entry &entry() const noexcept
	{
		return entry_;
	}
	/* How the last step went. At the end of a whole walk it is true. */
	Result<void> result() const noexcept
	{
		return Result<void>(code_);
	}
	Iterator begin() noexcept
	{
		entry_ = SEGREG_ENTRY_INIT;
		next();
		return Iterator(this);
	}
	End end() const noexcept
	{
		return End();
	}

private:
	friend class Snapshot;

	Walk(segreg *reg, const RawSnapshot &snapshot) noexcept : reg_(reg), snapshot_(snapshot)
	{
	}

	segreg *reg_;
	RawSnapshot snapshot_;
	Entry entry_ = SEGREG_ENTRY_INIT;
	int code_ = 0;
};

inline bool operator==(const Walk::Iterator &iterator, Walk::End) noexcept
{
	return iterator.is_at_end();
}
inline bool operator!=(const Walk::Iterator &iterator, Walk::End) noexcept
{
	return !iterator.is_at_end();
}

/* All segments of a version, held together (segreg_snapshot_take with SEGREG_SNAPSHOT). */
class [[nodiscard]] Snapshot : public detail::Held<RawSnapshot, detail::SnapshotPolicy>
{
public:
	using Held::Held;

	std::uint64_t version() const noexcept
	{
		return raw_.version;
	}
	/* Exchange it for a snapshot of the current version. On failure the old snapshot stays (segreg_snapshot_trade).
	 */
	Result<void> renew() noexcept
	{
		return Result<void>(::segreg_snapshot_trade(reg_, SEGREG_SNAPSHOT, &raw_));
	}
	Walk walk() const noexcept
	{
		return Walk(reg_, raw_);
	}
	/* function(const Entry &) for each segment, in order (segreg_snapshot_list): SEGREG_BY_ID, SEGREG_BY_PATH */
	template <typename Function> Result<void> list(Order order, Function &&function) const
	{
		return detail::walk<Entry>(function, [this, order](auto *visit, void *arg) {
			return ::segreg_snapshot_list(reg_, &raw_, order, visit, arg);
		});
	}
	/* One segment of it (segreg_snapshot_find). */
	Result<Entry> find(std::uint64_t id) const noexcept
	{
		Entry entry = SEGREG_ENTRY_INIT;
		int code = ::segreg_snapshot_find(reg_, &raw_, id, &entry);

		return Result<Entry>(code, entry);
	}

#if SEGREGXX_EXCEPTIONS
	/* for (const segregxx::Entry &entry : snapshot). A step that fails throws. */
	class Iterator
	{
	public:
		using iterator_category = std::input_iterator_tag;
		using value_type = Entry;
		using difference_type = std::ptrdiff_t;
		using pointer = const Entry *;
		using reference = const Entry &;

		explicit Iterator(const Walk &walk) : walk_(walk)
		{
			++*this;
		}
		reference operator*() const noexcept
		{
			return walk_.entry();
		}
		pointer operator->() const noexcept
		{
			return &walk_.entry();
		}
		Iterator &operator++()
		{
			is_at_end_ = !walk_.next();
			walk_.result().value();
			return *this;
		}
		void operator++(int)
		{
			++*this;
		}
		bool is_at_end() const noexcept
		{
			return is_at_end_;
		}

	private:
		Walk walk_;
		bool is_at_end_ = false;
	};

	Iterator begin() const
	{
		return Iterator(walk());
	}
	Walk::End end() const noexcept
	{
		return Walk::End();
	}
#endif
};

#if SEGREGXX_EXCEPTIONS
inline bool operator==(const Snapshot::Iterator &iterator, Walk::End) noexcept
{
	return iterator.is_at_end();
}
inline bool operator!=(const Snapshot::Iterator &iterator, Walk::End) noexcept
{
	return !iterator.is_at_end();
}
#endif

/* Whatever is retired from now on (segreg_snapshot_take with SEGREG_HORIZON). */
class [[nodiscard]] Horizon : public detail::Held<RawSnapshot, detail::SnapshotPolicy>
{
public:
	using Held::Held;

	std::uint64_t version() const noexcept
	{
		return raw_.version;
	}
	/* Exchange it for a horizon of the current version. On failure the old horizon stays. */
	Result<void> renew() noexcept
	{
		return Result<void>(::segreg_snapshot_trade(reg_, SEGREG_HORIZON, &raw_));
	}
	/* Exchange it for a snapshot of the current version, which makes it empty. On failure the horizon stays. */
	Result<Snapshot> trade() noexcept
	{
		RawSnapshot raw = raw_;
		int code = ::segreg_snapshot_trade(reg_, SEGREG_SNAPSHOT, &raw);

		return code ? Result<Snapshot>(code) : Result<Snapshot>(0, Snapshot(std::exchange(reg_, nullptr), raw));
	}
};

/* ------------------------------------------------------------------ watches */

/*
 * A descriptor that becomes readable when there is something new (segreg_watch). In this order no event is missed:
 *      auto watch = reg.watch(SEGREG_WATCH_VERSION).value();
 *      for (;;) {
 *              ... look, and act on what is new ...
 *              ... poll watch.fd() for reading ...
 *              watch.clear().value();
 *      }
 *
 * A forked child that destroys its copy of the object closes its copy of the descriptor.
 */
class [[nodiscard]] Watch : public detail::Held<RawWatch, detail::WatchPolicy>
{
public:
	using Held::Held;

	/* Do not read it. -1 if the object is empty. */
	int fd() const noexcept
	{
		return reg_ ? raw_.fd : -1;
	}
	/* Make it unreadable until the next event (segreg_watch_clear). */
	Result<void> clear() noexcept
	{
		return Result<void>(::segreg_watch_clear(reg_, &raw_));
	}
};

/* ------------------------------------------------------------------ edits */

/*
 * Additions and retirements that happen together. An edit keeps its first failure, and does nothing after it. commit()
 * returns that failure. So the steps need not be looked at:
 *      auto version = reg.edit().add(2, "seg-2").retire(1).expect_live().sync().commit();
 * An edit that is destroyed without commit() changes nothing.
 */
class [[nodiscard]] Edit
{
public:
	Edit() noexcept = default;
	Edit(Edit &&other) noexcept
	    : edit_(std::exchange(other.edit_, nullptr)), code_(std::exchange(other.code_, SEGREG_E_INVAL))
	{
	}
	Edit &operator=(Edit &&other) noexcept
	{
		if (this != &other) {
			::segreg_edit_abort(edit_);
			edit_ = std::exchange(other.edit_, nullptr);
			code_ = std::exchange(other.code_, SEGREG_E_INVAL);
		}
		return *this;
	}
	~Edit()
	{
		::segreg_edit_abort(edit_);
	}

	/* Whether it is not empty and no step has failed. */
	explicit operator bool() const noexcept
	{
		return edit_ && !code_;
	}
	/* How the steps so far went. */
	Result<void> result() const noexcept
	{
		return Result<void>(code_);
	}

	Edit &add(std::uint64_t id, Text path) noexcept
	{
		return step([&] { return ::segreg_edit_add(edit_, id, path.get()); });
	}
	/* The caller's own bytes of the last addition's segment, at most SEGREG_USER_SIZE. */
	Edit &set_user(const void *bytes, std::size_t n) noexcept
	{
		return step([&] { return ::segreg_edit_set_user(edit_, bytes, n); });
	}
	Edit &retire(std::uint64_t id) noexcept
	{
		return step([&] { return ::segreg_edit_retire(edit_, id); });
	}
	Edit &retire_path(Text path) noexcept
	{
		return step([&] { return ::segreg_edit_retire_path(edit_, path.get()); });
	}
	Edit &discard(Text path) noexcept
	{
		return step([&] { return ::segreg_edit_discard(edit_, path.get()); });
	}
	Edit &expect(std::uint64_t version) noexcept
	{
		return step([&] { return ::segreg_edit_expect(edit_, version); });
	}
	Edit &expect_live() noexcept
	{
		return step([&] { return ::segreg_edit_expect_live(edit_); });
	}
	Edit &sync() noexcept
	{
		return step([&] { return ::segreg_edit_sync(edit_); });
	}
	Edit &token(const std::array<unsigned char, 16> &token) noexcept
	{
		return step([&] { return ::segreg_edit_token(edit_, token.data()); });
	}

	/* Commit the edit, which makes the object empty whatever the outcome. The value is the version. */
	Result<std::uint64_t> commit() noexcept
	{
		std::uint64_t version = 0;
		segreg_edit *edit = std::exchange(edit_, nullptr);
		int code = std::exchange(code_, SEGREG_E_INVAL);

		if (code && edit)
			::segreg_edit_abort(edit);
		else
			code = ::segreg_edit_commit(edit, &version);
		return Result<std::uint64_t>(code, version);
	}
	/* Give it up, which makes the object empty. */
	void abort() noexcept
	{
		::segreg_edit_abort(std::exchange(edit_, nullptr));
		code_ = SEGREG_E_INVAL;
	}

private:
	friend class Registry;

	template <typename Call> Edit &step(Call &&call) noexcept
	{
		if (!code_)
			code_ = call();
		return *this;
	}

	segreg_edit *edit_ = nullptr;
	int code_ = SEGREG_E_INVAL;
};

/* ------------------------------------------------------------------ the registry */

/* A handle: one attachment of this process to one registry. Its destructor closes it. */
class [[nodiscard]] Registry
{
public:
	/* Open the registry in dir (segreg_open). */
	static Result<Registry> open(Text dir, const OpenOptions &options = OpenOptions()) noexcept
	{
		segreg *reg = nullptr;
		int code = ::segreg_open(dir.get(), &options, &reg);

		return Result<Registry>(code, Registry(reg));
	}

	Registry() noexcept = default;
	/* Take over a handle that segreg_open returned. */
	explicit Registry(segreg *reg) noexcept : reg_(reg)
	{
	}
	Registry(Registry &&other) noexcept : reg_(other.detach())
	{
	}
	Registry &operator=(Registry &&other) noexcept
	{
		if (this != &other) {
			::segreg_close(reg_, nullptr);
			reg_ = other.detach();
		}
		return *this;
	}
	~Registry()
	{
		::segreg_close(reg_, nullptr);
	}

	explicit operator bool() const noexcept
	{
		return reg_;
	}
	/* The handle, for calls of segreg.h; the object keeps it. NULL if the object is empty. */
	segreg *get() const noexcept
	{
		return reg_;
	}
	/* Give the handle to the caller, who closes it. Pins and the like go on working until then. */
	segreg *detach() noexcept
	{
		return std::exchange(reg_, nullptr);
	}
	/* Close it, which makes the object empty even if the call fails. The value is the number of pins that it held.
	 */
	Result<std::uint64_t> close() noexcept
	{
		std::uint64_t released = 0;
		int code = ::segreg_close(detach(), &released);

		return Result<std::uint64_t>(code, released);
	}
	/* The absolute path of the base directory; NULL if the object is empty. */
	const char *base_path() const noexcept
	{
		return ::segreg_base_path(reg_);
	}

	/* Holding. */

	/* SEGREG_PIN_LIVE in flags refuses a segment that is retired already. */
	Result<Pin> pin(std::uint64_t id, unsigned flags = 0) const &noexcept
	{
		return hold<Pin>([this, id, flags](RawPin *pin) { return ::segreg_pin(reg_, id, flags, pin); });
	}
	/* All of them, or none. Throws std::bad_alloc; without exceptions it fails with Errc::nomem, without a text. */
	Result<Pins> pin(Span<const std::uint64_t> ids, unsigned flags = 0) const &
	{
		Result<Pins> made;
		detail::PinRow &row = made.value_.raw_;

#if SEGREGXX_EXCEPTIONS
		row.pins.reset(new RawPin[ids.size()]());
#else
		row.pins.reset(new (std::nothrow) RawPin[ids.size()]());
		if (!row.pins)
			return Result<Pins>(SEGREG_E_NOMEM);
#endif
		made.code_ = ::segreg_pin_many(reg_, ids.data(), ids.size(), flags, row.pins.get());
		if (!made.code_) {
			made.value_.reg_ = reg_;
			row.size = ids.size();
		}
		return made;
	}
	/* Pin what another handle has pinned (segreg_pin_receive): a copy of its Pin::raw(). */
	Result<Pin> receive(const RawPin &theirs) const &noexcept
	{
		return hold<Pin>([&](RawPin *pin) { return ::segreg_pin_receive(reg_, &theirs, pin); });
	}
	/* Pin a segment and map a file of it; no file: the segment, if it is a file. */
	Result<Map> map(std::uint64_t id, Text file = nullptr, unsigned flags = 0) const &noexcept
	{
		return hold<Map>([&](RawMap *map) { return ::segreg_map(reg_, id, file.get(), flags, map); });
	}
	Result<Snapshot> snapshot() const &noexcept
	{
		return take<Snapshot>(SEGREG_SNAPSHOT);
	}
	Result<Horizon> horizon() const &noexcept
	{
		return take<Horizon>(SEGREG_HORIZON);
	}
	/* Hold what a Snapshot, or Horizon, of another handle holds: a copy of its raw() (segreg_snapshot_receive). */
	Result<Snapshot> receive_snapshot(const RawSnapshot &theirs) const &noexcept
	{
		return receive_as<Snapshot>(SEGREG_SNAPSHOT, theirs);
	}
	Result<Horizon> receive_horizon(const RawSnapshot &theirs) const &noexcept
	{
		return receive_as<Horizon>(SEGREG_HORIZON, theirs);
	}
	/* what: SEGREG_WATCH_VERSION, SEGREG_WATCH_SWEEP, or both. */
	Result<Watch> watch(unsigned what) const &noexcept
	{
		return hold<Watch>([this, what](RawWatch *watch) { return ::segreg_watch(reg_, what, watch); });
	}
	/* Begin an edit. If that fails, the edit has the failure. */
	Edit edit() const &noexcept
	{
		Edit edit;

		edit.code_ = ::segreg_edit_begin(reg_, &edit.edit_);
		return edit;
	}

	/* What a temporary Registry gave would be held for no longer than it lives. */
	Result<Pin> pin(std::uint64_t, unsigned = 0) const && = delete;
	Result<Pins> pin(Span<const std::uint64_t>, unsigned = 0) const && = delete;
	Result<Pin> receive(const RawPin &) const && = delete;
	Result<Map> map(std::uint64_t, Text = nullptr, unsigned = 0) const && = delete;
	Result<Snapshot> snapshot() const && = delete;
	Result<Horizon> horizon() const && = delete;
	Result<Snapshot> receive_snapshot(const RawSnapshot &) const && = delete;
	Result<Horizon> receive_horizon(const RawSnapshot &) const && = delete;
	Result<Watch> watch(unsigned) const && = delete;
	Edit edit() const && = delete;

	/* Segments. */

	/* Make id a live segment at path (segreg_register; in C++ that word is a keyword). */
	Result<void> add(std::uint64_t id, Text path) const noexcept
	{
		return Result<void>(::segreg_register(reg_, id, path.get()));
	}
	Result<void> reserve(std::uint64_t id, Text path) const noexcept
	{
		return Result<void>(::segreg_reserve(reg_, id, path.get()));
	}
	Result<void> unreserve(std::uint64_t id) const noexcept
	{
		return Result<void>(::segreg_unreserve(reg_, id));
	}
	Result<void> retire(std::uint64_t id) const noexcept
	{
		return Result<void>(::segreg_retire(reg_, id));
	}
	Result<void> retire_path(Text path) const noexcept
	{
		return Result<void>(::segreg_retire_path(reg_, path.get()));
	}
	/* Discard one file or directory (segreg_discard); discard_all discards several in one commit, or none. */
	Result<void> discard(Text path, unsigned flags = 0) const noexcept
	{
		const char *name = path.get();

		return Result<void>(::segreg_discard(reg_, &name, 1, flags));
	}
	Result<void> discard_all(Span<const char *const> paths, unsigned flags = 0) const noexcept
	{
		return Result<void>(::segreg_discard(reg_, paths.data(), paths.size(), flags));
	}
	/* For a container of strings, such as std::vector<std::string>; it allocates a row of pointers. */
	template <typename Strings,
		  typename = std::enable_if_t<
			  !std::is_convertible_v<const Strings &, Text> &&
			  std::is_convertible_v<decltype(std::declval<const Strings &>().begin()->c_str()),
						const char *>>>
	Result<void> discard_all(const Strings &strings, unsigned flags = 0) const
	{
		std::vector<const char *> paths;

		for (const auto &string : strings)
			paths.push_back(string.c_str());
		return discard_all(Span<const char *const>(paths), flags);
	}
	/* Before a new file gets a name that may have been discarded. */
	Result<void> vacate(Text path) const noexcept
	{
		return Result<void>(::segreg_vacate(reg_, path.get()));
	}
	Result<void> force_remove(std::uint64_t id, unsigned flags = 0) const noexcept
	{
		return Result<void>(::segreg_force_remove(reg_, id, flags));
	}

	/* Retention leases. A lease has a name and no owner, and outlives processes and restarts (segreg_lease_put). */

	Result<void> put_lease(Text name, std::uint64_t floor = SEGREG_LEASE_NOW,
			       Span<const LeaseItem> items = {}) const noexcept
	{
		return Result<void>(::segreg_lease_put(reg_, name.get(), floor, items.data(), items.size()));
	}
	Result<void> drop_lease(Text name) const noexcept
	{
		return Result<void>(::segreg_lease_drop(reg_, name.get()));
	}
	/* function(const Lease &) */
	template <typename Function> Result<void> leases(Function &&function) const
	{
		return detail::walk<Lease>(
			function, [this](auto *visit, void *arg) { return ::segreg_lease_list(reg_, visit, arg); });
	}

	/* Versions. */

	Result<std::uint64_t> version() const noexcept
	{
		std::uint64_t version = 0;
		int code = ::segreg_version(reg_, &version);

		return Result<std::uint64_t>(code, version);
	}
	/* Sleep until the version is greater than version; the value is the current version (segreg_wait). */
	Result<std::uint64_t> wait(std::uint64_t version, std::chrono::milliseconds timeout = forever) const noexcept
	{
		std::uint64_t now = 0;
		int code = ::segreg_wait(reg_, version, detail::milliseconds(timeout), &now);

		return Result<std::uint64_t>(code, now);
	}

	/* Call off the waits of this handle, also from a signal handler (segreg_wait_off). */
	Result<void> wait_off(bool is_off) const noexcept
	{
		return Result<void>(::segreg_wait_off(reg_, is_off));
	}

	/* Asking. A walk ends when the function returns false, which is no failure. */

	Result<bool> is_live(std::uint64_t id) const noexcept
	{
		int code = ::segreg_is_live(reg_, id);

		return Result<bool>(code, code > 0);
	}
	Result<State> state(std::uint64_t id) const noexcept
	{
		State state = {};
		int code = ::segreg_state(reg_, id, &state);

		return Result<State>(code, state);
	}
	Result<Found> find(Text path) const noexcept
	{
		Found found = {};
		int code = ::segreg_find(reg_, path.get(), &found.id, &found.state);

		return Result<Found>(code, found);
	}
	/* Also true for what lies in a discarded directory. */
	Result<bool> is_discarded(Text path) const noexcept
	{
		int code = ::segreg_is_discarded(reg_, path.get());

		return Result<bool>(code, code > 0);
	}
	Result<std::uint64_t> refcount(std::uint64_t id) const noexcept
	{
		std::uint64_t count = 0;
		int code = ::segreg_refcount(reg_, id, &count);

		return Result<std::uint64_t>(code, count);
	}
	Result<Stats> stats() const noexcept
	{
		Stats stats = SEGREG_STATS_INIT;
		int code = ::segreg_stats(reg_, &stats);

		return Result<Stats>(code, stats);
	}
	/* function(const Info &) */
	template <typename Function> Result<void> list(Function &&function) const
	{
		return detail::walk<Info>(function,
					  [this](auto *visit, void *arg) { return ::segreg_list(reg_, visit, arg); });
	}
	template <typename Function> Result<void> list_retired(Function &&function) const
	{
		return detail::walk<Info>(
			function, [this](auto *visit, void *arg) { return ::segreg_list_retired(reg_, visit, arg); });
	}
	template <typename Function>
	Result<void> list_many(const std::uint64_t *ids, std::size_t n, Function &&function) const
	{
		return detail::walk<Info>(function, [this, ids, n](auto *visit, void *arg) {
			return ::segreg_list_many(reg_, ids, n, visit, arg);
		});
	}
	template <typename Function> Result<void> list_one(std::uint64_t id, Function &&function) const
	{
		return detail::walk<Info>(function, [this, id](auto *visit, void *arg) {
			return ::segreg_list_one(reg_, id, visit, arg);
		});
	}
	/* function(const Holder &) */
	template <typename Function> Result<void> holders(std::uint64_t id, Function &&function) const
	{
		return detail::walk<Holder>(function, [this, id](auto *visit, void *arg) {
			return ::segreg_holders(reg_, id, visit, arg);
		});
	}
	template <typename Function> Result<void> lanes(Function &&function) const
	{
		return detail::walk<Holder>(
			function, [this](auto *visit, void *arg) { return ::segreg_lanes(reg_, visit, arg); });
	}
	/* function(const Hold &) */
	template <typename Function> Result<void> holds(Function &&function) const
	{
		return detail::walk<Hold>(function,
					  [this](auto *visit, void *arg) { return ::segreg_holds(reg_, visit, arg); });
	}
	/* function(const Finding &); flags: SEGREG_CHECK_REPAIR */
	template <typename Function> Result<void> check(unsigned flags, Function &&function) const
	{
		return detail::walk<Finding>(function, [this, flags](auto *visit, void *arg) {
			return ::segreg_check(reg_, flags, visit, arg);
		});
	}
	/* function(const LogEntry &), for entries whose number is greater than after */
	template <typename Function> Result<void> log(std::uint64_t after, Function &&function) const
	{
		return detail::walk<LogEntry>(function, [this, after](auto *visit, void *arg) {
			return ::segreg_log(reg_, after, visit, arg);
		});
	}

	/* Sweeping. */

	/* Delete what nobody holds (segreg_sweep). */
	Result<SweepResult> sweep(const SweepOptions &options = SweepOptions()) const noexcept
	{
		SweepResult swept = SEGREG_SWEEP_RESULT_INIT;
		int code = ::segreg_sweep(reg_, &options, &swept);

		return Result<SweepResult>(code, swept);
	}
	/*
	 * on_event(const SweepEvent &) in the place of options.fn; if it returns false, the sweep ends. is_stopped() in
	 * the place of options.stop; if it returns true, the sweep ends.
	 */
	template <typename Function> Result<SweepResult> sweep(SweepOptions options, Function &&on_event) const
	{
		detail::Visitor<std::remove_reference_t<Function>> visitor(on_event);

		options.fn = &decltype(visitor)::template visit<SweepEvent>;
		options.stop = nullptr;
		options.arg = &visitor;
		Result<SweepResult> swept = sweep(options);
		visitor.go_on();
		return swept;
	}
	template <typename Function, typename Stop>
	Result<SweepResult> sweep(SweepOptions options, Function &&on_event, Stop &&is_stopped) const
	{
		auto goes_on = [&is_stopped]() -> bool { return !is_stopped(); };
		struct Both {
			detail::Visitor<std::remove_reference_t<Function>> events;
			detail::Visitor<decltype(goes_on)> stops;
		} both = { detail::Visitor<std::remove_reference_t<Function>>(on_event),
			   detail::Visitor<decltype(goes_on)>(goes_on) };

		options.fn = [](void *arg, const SweepEvent *event) noexcept {
			return static_cast<Both *>(arg)->events.call(*event);
		};
		options.stop = [](void *arg) noexcept { return static_cast<Both *>(arg)->stops.call(); };
		options.arg = &both;
		Result<SweepResult> swept = sweep(options);
		both.events.go_on();
		both.stops.go_on();
		return swept;
	}
	/* Take away what a handle holds; the value is the number of its pins and snapshots (segreg_evict). */
	Result<std::uint64_t> evict(std::uint32_t lane, std::uint32_t epoch) const noexcept
	{
		std::uint64_t released = 0;
		int code = ::segreg_evict(reg_, lane, epoch, &released);

		return Result<std::uint64_t>(code, released);
	}
	Result<void> sweep_wait(std::uint32_t &ticket, std::chrono::milliseconds timeout = forever) const noexcept
	{
		return Result<void>(::segreg_sweep_wait(reg_, &ticket, detail::milliseconds(timeout)));
	}
	Result<void> sweep_wake() const noexcept
	{
		return Result<void>(::segreg_sweep_wake(reg_));
	}

private:
	/* Let call fill what an object holds. A call that fails leaves it as it was. */
	template <typename Object, typename Call> Result<Object> hold(Call &&call) const noexcept
	{
		Result<Object> made{ detail::Unfilled() };

		made.code_ = call(&made.value_.raw_);
		if (made.code_)
			made.value_.raw_ = {};
		else
			made.value_.reg_ = reg_;
		return made;
	}
	template <typename Object> Result<Object> take(enum ::segreg_snapshot_kind kind) const noexcept
	{
		return hold<Object>([this, kind](RawSnapshot *out) { return ::segreg_snapshot_take(reg_, kind, out); });
	}
	/* A snapshot of the other kind becomes a snapshot of no kind, which the library refuses with a text. */
	template <typename Object>
	Result<Object> receive_as(enum ::segreg_snapshot_kind kind, RawSnapshot theirs) const noexcept
	{
		if (theirs.kind != kind)
			theirs.kind = {};
		return hold<Object>([&](RawSnapshot *out) { return ::segreg_snapshot_receive(reg_, &theirs, out); });
	}

	segreg *reg_ = nullptr;
};

#if SEGREGXX_EXCEPTIONS
inline Pin::Pin(const Registry &registry, std::uint64_t id, unsigned flags) : Held(detail::Unfilled())
{
	int code = ::segreg_pin(registry.get(), id, flags, &raw_);

	if (code)
		detail::raise(code);
	reg_ = registry.get();
}
#endif

/* ------------------------------------------------------------------ the rest */

/* "Registry: N live, N pending deletion, N total" (segreg_stats_format). */
inline std::string to_string(const Stats &stats)
{
	char line[128];
	int length = ::segreg_stats_format(&stats, line, sizeof(line));

	return length < 0 ? std::string() : std::string(line);
}

/* Show all that is in a registry's shared memory: function(const DebugItem &) for each value (segreg_debug). */
template <typename Function> Result<void> debug(Text dir, const DebugOptions &options, Function &&function)
{
	return detail::walk<DebugItem>(
		function, [&](auto *visit, void *arg) { return ::segreg_debug(dir.get(), &options, visit, arg); });
}

} // namespace segregxx

template <> struct std::is_error_code_enum<segregxx::Errc> : std::true_type {
};

#pragma GCC visibility pop

#endif /* SEGREG_HPP */
