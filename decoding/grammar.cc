#include "decoding/grammar.h"

#include <fmt/format.h>

#include <map>
#include <stdexcept>

#include "decoding/grammar_tokens.h"
#include "decoding/text_file.h"
#include "decoding/utf8.h"
#include "decoding/word_automaton.h"

namespace avsr::decoding {
namespace {

using Part = WordAutomaton::Part;

constexpr int kDeepest = 100;  // brackets in brackets

struct Rule {
  WordAutomaton automaton;
  Part part;
};

class GrammarParser {
 public:
  explicit GrammarParser(std::string_view name) : name_(name) {}

  void add_rule(const std::vector<GrammarToken>& tokens) {
    token_ = tokens.data();
    if (token_->kind != GrammarToken::Kind::name) fail("a rule, $name = …");
    const std::string name = token_->text;
    if (rules_.contains(name)) fail("a name that no rule above has");
    ++token_;
    if (!token_->is('=')) fail("\"=\" after the name of the rule");
    ++token_;
    Rule rule;
    try {
      rule.part = alternatives(rule.automaton, 0);
    } catch (const TooLarge& error) {
      throw std::runtime_error(fmt::format("{}:{}: {}", name_, token_->line, error.what()));
    }
    if (token_->kind != GrammarToken::Kind::end) fail("a word, a rule's name, \"|\" or the end of the rule");
    last_ = &rules_.emplace(name, std::move(rule)).first->second;
  }

  WordGraph graph() const {
    if (!last_) throw std::runtime_error(fmt::format("{}: expected rules, $name = …, found none", name_));
    try {
      return last_->automaton.graph(last_->part, words_);
    } catch (const TooLarge& error) {
      throw std::runtime_error(fmt::format("{}: {}", name_, error.what()));
    }
  }

 private:
  [[noreturn]] void fail(std::string_view expected) const {
    const std::string found =
        token_->kind == GrammarToken::Kind::end ? "the end of the rule" : fmt::format("\"{}\"", shown(token_->text));
    throw std::runtime_error(fmt::format("{}:{}: expected {}, found {}", name_, token_->line, expected, found));
  }

  // Each of these reads what its name says and leaves token_ behind it.
  Part alternatives(WordAutomaton& automaton, int depth) {
    Part part = sequence(automaton, depth);
    while (token_->is('|')) {
      ++token_;
      part = automaton.either(part, sequence(automaton, depth));
    }
    return part;
  }

  Part sequence(WordAutomaton& automaton, int depth) {
    Part part = item(automaton, depth);
    while (token_->kind == GrammarToken::Kind::word || token_->kind == GrammarToken::Kind::name || token_->is('(') ||
           token_->is('['))
      part = automaton.sequence(part, item(automaton, depth));
    return part;
  }

  Part item(WordAutomaton& automaton, int depth) {
    Part part = atom(automaton, depth);
    for (; token_->is('+') || token_->is('*'); ++token_) {
      part = automaton.repeated(part);
      if (token_->is('*')) part = automaton.optional(part);
    }
    return part;
  }

  Part atom(WordAutomaton& automaton, int depth) {
    if (token_->kind == GrammarToken::Kind::word) return automaton.word(number_of((token_++)->text));
    if (token_->kind == GrammarToken::Kind::name) {
      const auto rule = rules_.find(token_->text);
      if (rule == rules_.end()) fail("a rule that stands above this one");
      const Part part = automaton.copy_of(rule->second.automaton, rule->second.part);
      ++token_;
      return part;
    }
    if (!token_->is('(') && !token_->is('[')) fail("a word, a rule's name, \"(\" or \"[\"");
    return group(automaton, depth + 1);
  }

  Part group(WordAutomaton& automaton, int depth) {
    if (depth > kDeepest) fail(fmt::format("at most {} brackets in one another", kDeepest));
    const bool is_optional = (token_++)->is('[');
    const Part part = alternatives(automaton, depth);
    if (!token_->is(is_optional ? ']' : ')')) fail(is_optional ? "\"]\"" : "\")\"");
    ++token_;
    return is_optional ? automaton.optional(part) : part;
  }

  int number_of(const std::string& word) {
    const auto [found, is_new] = numbers_.try_emplace(word, static_cast<int>(words_.size()));
    if (is_new) words_.push_back(word);
    return found->second;
  }

  std::string name_;
  const GrammarToken* token_ = nullptr;
  std::map<std::string, Rule> rules_;
  const Rule* last_ = nullptr;
  std::map<std::string, int> numbers_;
  std::vector<std::string> words_;
};

}  // namespace

WordGraph parse_grammar(std::string_view text, std::string_view name) {
  GrammarParser parser(name);
  for (const auto& rule : grammar_rules(text, name)) parser.add_rule(rule);
  return parser.graph();
}

WordGraph read_grammar(const std::filesystem::path& file) { return parse_grammar(read_text(file), file.string()); }

}  // namespace avsr::decoding
