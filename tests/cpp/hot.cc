/*
 * hot.cc - a pin and its release in the words of segreg.h and of segreg.hpp, for hot.sh to compare what they compile
 * to.
 */
#include <segreg.hpp>

/* In another file: what is done with the pinned segment. */
extern "C" void read_segment(const segregxx::RawPin *pin) noexcept;

extern "C" int through_segreg_h(segreg *reg, std::uint64_t id)
{
	struct segreg_pin pin;
	int code = segreg_pin(reg, id, 0, &pin);

	if (code)
		return code;
	read_segment(&pin);
	return segreg_unpin(reg, &pin);
}

extern "C" int by_destructor(const segregxx::Registry &reg, std::uint64_t id)
{
	auto pin = reg.pin(id);

	if (pin)
		read_segment(&pin->raw());
	return pin.code();
}

#if SEGREGXX_EXCEPTIONS
extern "C" void by_value(const segregxx::Registry &reg, std::uint64_t id)
{
	segregxx::Pin pin = reg.pin(id).value();

	read_segment(&pin.raw());
}

extern "C" void by_constructor(const segregxx::Registry &reg, std::uint64_t id)
{
	segregxx::Pin pin(reg, id);

	read_segment(&pin.raw());
}
#endif
