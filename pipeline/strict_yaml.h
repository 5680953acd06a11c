// Reading YAML without surprises: every key must be known, every value of its kind, and every complaint names the line.
#pragma once

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace avsr::pipeline {

// "origin:line: [recipe] text", as std::invalid_argument.
[[noreturn]] void complain(const YAML::Node& node, const std::string& origin, const std::string& text);

// A mapping whose keys are taken one by one. Absent keys leave the value as it was. finish() throws on a key that
// nobody asked for, with the nearest known ones.
class StrictMap {
 public:
  StrictMap(const YAML::Node& node, std::string origin, std::string where);

  YAML::Node node(const std::string& key);  // undefined when absent

  template <typename T>
  void read(const std::string& key, T& value) {
    const YAML::Node found = node(key);
    if (found) convert(found, key, value);
  }
  template <typename T>
  void read(const std::string& key, T& value, T lowest, T highest) {
    read(key, value);
    if (!(value >= lowest && value <= highest)) out_of_range(key, lowest, highest);
  }
  // One of the names in a table of values with their names.
  template <typename E, size_t N>
  void read_enum(const std::string& key, E& value, const std::pair<E, const char*> (&table)[N]) {
    if (!node(key)) return;
    std::string text;
    read(key, text);
    std::vector<std::string> names;
    for (const auto& [known, name] : table) {
      if (text == name) {
        value = known;
        return;
      }
      names.emplace_back(name);
    }
    unknown_name(key, text, names);
  }
  // Refuses a key that is given though `kind`, named in the table, is none of its users.
  template <typename E, size_t N>
  void require_use(const std::string& key, E kind, std::initializer_list<E> users,
                   const std::pair<E, const char*> (&table)[N]) {
    if (!node(key) || std::find(users.begin(), users.end(), kind) != users.end()) return;
    std::string name;
    std::vector<std::string> names;
    for (const auto& [known, text] : table) {
      if (known == kind) name = text;
      if (std::find(users.begin(), users.end(), known) != users.end()) names.emplace_back(text);
    }
    unused(key, name, names);
  }
  void finish();

 private:
  template <typename T>
  void convert(const YAML::Node& found, const std::string& key, T& value) {
    try {
      value = found.as<T>();
    } catch (const YAML::Exception&) {
      wrong_kind(found, key);
    }
    if (!is_finite(value)) wrong_kind(found, key);
  }
  template <typename T>
  static bool is_finite(const T& value) {
    if constexpr (std::is_floating_point_v<T>) return std::isfinite(value);
    if constexpr (std::is_same_v<T, std::vector<double>>)
      return std::all_of(value.begin(), value.end(), [](double v) { return std::isfinite(v); });
    return true;
  }
  [[noreturn]] void wrong_kind(const YAML::Node& found, const std::string& key);
  [[noreturn]] void out_of_range(const std::string& key, double lowest, double highest);
  [[noreturn]] void unknown_name(const std::string& key, const std::string& text,
                                 const std::vector<std::string>& names);
  [[noreturn]] void unused(const std::string& key, const std::string& kind, const std::vector<std::string>& users);

  YAML::Node map_;
  std::string origin_, where_;
  std::vector<std::string> known_;
};

}  // namespace avsr::pipeline
