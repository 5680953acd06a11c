#include "decoding/prefix_beam.h"

#include <algorithm>
#include <tuple>

#include "decoding/ctc_decoder.h"

namespace avsr::decoding {

PrefixBeam::PrefixBeam(int symbols, const BeamSearch& settings, const Constraint* constraint,
                       const LanguageModel* language)
    : settings_(settings), constraint_(constraint), language_(language) {
  if (!constraint)
    for (int v = 0; v < symbols; ++v)
      if (v != settings.blank) any_symbol_.push_back({v, Constraint::kStart});
  place_of_child_.assign(static_cast<size_t>(symbols), -1);
  Node root;
  root.place = 0;
  if (language) root.context = language->start();
  nodes_.push_back(std::move(root));
  entries_.push_back({0, 0, kLogZero});
}

std::span<const Constraint::Arc> PrefixBeam::arcs(const Node& node) const {
  return constraint_ ? constraint_->arcs(node.state) : std::span<const Constraint::Arc>(any_symbol_);
}

// Whether the steps that are left suffice to finish a sentence.
bool PrefixBeam::can_end(Constraint::State state, double blank, double symbol, int steps_left) const {
  return !constraint_ || (blank > kLogZero && constraint_->fewest_steps(state, true) <= steps_left) ||
         (symbol > kLogZero && constraint_->fewest_steps(state, false) <= steps_left);
}

void PrefixBeam::step(std::span<const float> log_probabilities, int steps_left) {
  candidates_.clear();
  stay(log_probabilities);
  extend(log_probabilities, steps_left);
  const std::vector<Candidate> best = best_candidates();
  for (const Entry& entry : entries_) nodes_[static_cast<size_t>(entry.node)].place = -1;
  std::vector<Entry> next;
  for (const Candidate& candidate : best) {
    const auto from = static_cast<size_t>(candidate.from);
    Entry entry = stayed_[from];
    if (candidate.symbol >= 0) entry = {child(entry.node, candidate), kLogZero, candidate.log_probability};
    nodes_[static_cast<size_t>(entry.node)].place = static_cast<int>(next.size());
    next.push_back(entry);
  }
  entries_ = std::move(next);
}

// Paths that read a blank, or the last symbol once more.
void PrefixBeam::stay(std::span<const float> row) {
  stayed_.clear();
  for (const Entry& entry : entries_) {
    const int last = nodes_[static_cast<size_t>(entry.node)].symbol;
    stayed_.push_back({entry.node, entry.total() + row[static_cast<size_t>(settings_.blank)],
                       last < 0 ? kLogZero : entry.symbol + row[static_cast<size_t>(last)]});
  }
}

// Paths that read one more symbol: into the prefix that is that much longer where the beam has it, or as candidates.
void PrefixBeam::extend(std::span<const float> row, int steps_left) {
  const double best_gain = language_ ? std::max(0.0, settings_.insertion_bonus) : 0;
  for (size_t i = 0; i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    const Node& node = nodes_[static_cast<size_t>(entry.node)];
    const double total = entry.total();
    const auto mark_children = [&](bool mark) {
      for (const int c : node.children) {
        const Node& longer = nodes_[static_cast<size_t>(c)];
        place_of_child_[static_cast<size_t>(longer.symbol)] = mark ? longer.place : -1;
      }
    };
    mark_children(true);
    for (const Constraint::Arc& arc : arcs(node)) {
      // The last symbol again is a new one behind a blank alone.
      const double p = (arc.symbol == node.symbol ? entry.blank : total) + row[static_cast<size_t>(arc.symbol)];
      if (p == kLogZero) continue;
      const int place = place_of_child_[static_cast<size_t>(arc.symbol)];
      if (place >= 0)
        stayed_[static_cast<size_t>(place)].symbol = log_add(stayed_[static_cast<size_t>(place)].symbol, p);
      else if (can_end(arc.next, kLogZero, p, steps_left))
        candidates_.push_back({p + node.bias + best_gain, static_cast<int>(i), arc.symbol, arc.next, p});
    }
    mark_children(false);
  }
  for (size_t i = 0; i < stayed_.size(); ++i) {
    const Entry& entry = stayed_[i];
    const Node& node = nodes_[static_cast<size_t>(entry.node)];
    const double total = entry.total();
    if (total > kLogZero && can_end(node.state, entry.blank, entry.symbol, steps_left))
      candidates_.push_back({total + node.bias, static_cast<int>(i), -1, node.state, kLogZero});
  }
}

void PrefixBeam::ask_language(Candidate& candidate) const {
  const Node& node = nodes_[static_cast<size_t>(entries_[static_cast<size_t>(candidate.from)].node)];
  candidate.rank = candidate.log_probability + node.bias + weighted(language_->gain(node.context, candidate.symbol));
}

// The language model is asked in the order of what a candidate can reach at most, and no more once the beam is full of
// better ones.
std::vector<PrefixBeam::Candidate> PrefixBeam::best_candidates() {
  const auto worse = [](const Candidate& a, const Candidate& b) {
    return std::tuple(-a.rank, a.from, a.symbol) > std::tuple(-b.rank, b.from, b.symbol);
  };
  const auto better = [&](const Candidate& a, const Candidate& b) { return worse(b, a); };
  const auto beam = static_cast<size_t>(settings_.beam);
  std::vector<Candidate> best;
  std::make_heap(candidates_.begin(), candidates_.end(), worse);
  for (auto end = candidates_.end(); end != candidates_.begin();) {
    std::pop_heap(candidates_.begin(), end, worse);
    Candidate candidate = *--end;
    if (best.size() == beam && candidate.rank < best.back().rank) break;
    if (candidate.symbol >= 0 && language_) ask_language(candidate);
    best.insert(std::upper_bound(best.begin(), best.end(), candidate, better), candidate);
    if (best.size() > beam) best.pop_back();
  }
  return best;
}

double PrefixBeam::weighted(const LanguageModel::Gain& gain) const {
  return settings_.language_weight * gain.log_probability + settings_.insertion_bonus * gain.units;
}

int PrefixBeam::child(int node, const Candidate& candidate) {
  for (const int c : nodes_[static_cast<size_t>(node)].children)
    if (nodes_[static_cast<size_t>(c)].symbol == candidate.symbol) return c;
  const Node& parent = nodes_[static_cast<size_t>(node)];
  Node longer{node, candidate.symbol, candidate.state, {}, parent.language, parent.bias, {}, -1};
  if (language_) {
    const LanguageModel::Gain gain = language_->gain(parent.context, candidate.symbol);
    longer.language += gain.log_probability;
    longer.bias += weighted(gain);
    longer.context = language_->next(parent.context, candidate.symbol);
  }
  const int number = static_cast<int>(nodes_.size());
  nodes_[static_cast<size_t>(node)].children.push_back(number);
  nodes_.push_back(std::move(longer));
  return number;
}

std::vector<int> PrefixBeam::labels(int node) const {
  std::vector<int> labels;
  for (; nodes_[static_cast<size_t>(node)].symbol >= 0; node = nodes_[static_cast<size_t>(node)].parent)
    labels.push_back(nodes_[static_cast<size_t>(node)].symbol);
  std::reverse(labels.begin(), labels.end());
  return labels;
}

std::vector<PrefixBeam::Text> PrefixBeam::texts() const {
  std::vector<Text> texts;
  for (const Entry& entry : entries_) {
    const Node& node = nodes_[static_cast<size_t>(entry.node)];
    if (constraint_ && !constraint_->may_end(node.state)) continue;
    Text text{labels(entry.node), entry.total(), node.language, entry.total() + node.bias};
    if (language_) {
      const LanguageModel::Gain end = language_->end(node.context);
      text.language += end.log_probability;
      text.score += weighted(end);
    }
    texts.push_back(std::move(text));
  }
  std::stable_sort(texts.begin(), texts.end(), [](const Text& a, const Text& b) { return a.score > b.score; });
  if (texts.size() > static_cast<size_t>(settings_.n_best)) texts.resize(static_cast<size_t>(settings_.n_best));
  return texts;
}

}  // namespace avsr::decoding
