// SPDX-License-Identifier: Apache-2.0
#include "cases/packed/words.h"

#include "cases/packed/attribution.h"
#include "cases/packed/fit.h"
#include "cases/packed/orders.h"
#include "cases/packed/region.h"
#include "cases/packed/sources.h"
#include "cases/packed/unmade.h"

#include <fmt/format.h>

#include <algorithm>

namespace w4::cases::packed {
namespace {

using Words = Grid<std::uint32_t>;

constexpr int kSampledTiles = 96;
constexpr double kLeastShare = 0.25;           // of words that a model must make before the rest is taken for a region
constexpr int kPaddings[] = {0, 7, 15, 8, 1};  // codes that packers pad with

/// Values of the stages before fragments, and the ways that are wrong among them.
struct Trial {
  WordsModel model = {};
  PackedWays ways = {};
  RowOrder rows = {};  // as act_order is judged by
};

class WordsSearch {
 public:
  explicit WordsSearch(const WordsQuestion& question)
      : question_(question),
        sample_(question.seen, sampled(0, 1)),
        orders_(likely_orders(question.before.padded_K(), question.before.padded_N())),
        counts_(counts_of(question.seen)) {
    for (int part = 0; part < 4; ++part) parts_.emplace_back(question.seen, sampled(part, 4));
  }

  WordsAnswer answer() {
    likely();
    if (!best_.exact) regions();
    if (!best_.exact || (best_cost_ > 1 && codes_count() <= kLargeLayer)) solved();
    for (const Region kind : {Region::written, Region::copied})
      if (!best_.exact) region(kind);
    if (!best_.exact) unexplained();
    return best_;
  }

 private:
  const repack::Weights& before() const { return question_.before; }
  std::size_t codes_count() const {
    return static_cast<std::size_t>(before().K) * static_cast<std::size_t>(before().N);
  }

  /// Tiles without padding in one of `parts` parts of the layer; any tiles where all are padded.
  std::vector<int> sampled(int part, int parts) const {
    const int rows = before().K / repack::kTileK, cols = before().padded_N() / repack::kTileN;
    const int whole = before().N / repack::kTileN;
    const int first = part * rows / parts * cols, last = (part + 1) * rows / parts * cols;
    std::vector<int> tiles = spread_tiles(question_.seen, first, last, kSampledTiles);
    if (whole > 0) std::erase_if(tiles, [&](int t) { return t % cols >= whole; });
    return tiles;
  }

  WordsModel model_of(const Codes& codes, const RowOrder& rows, const TileOrder& order) const {
    return {.K = before().K,
            .N = before().N,
            .padded_K = before().padded_K(),
            .padded_N = before().padded_N(),
            .codes = codes,
            .rows = rows,
            .padding_zeros = question_.padding_zeros,
            .order = order};
  }

  std::vector<NamedOrder> row_orders() const {
    std::vector<NamedOrder> all;
    if (is_permutation(question_.perm)) all.push_back({"as perm", question_.perm});
    for (NamedOrder& order : likely_orders(question_.rows))
      if (std::ranges::find(all, order.order, &NamedOrder::order) == all.end()) all.push_back(std::move(order));
    return all;
  }

  /// Tables that turn the codes into what the words hold, by counts; the identity where counts say nothing.
  std::vector<CodeTable> tables_of(const Codes& codes) const {
    const Counts want = counts_of(codes);
    const auto padding = static_cast<long long>(question_.seen.size() * kCodesPerWord - codes.size());
    std::vector<Counts> pads = {padding_counts()};
    if (padding > 0)
      for (const int code : kPaddings) pads.emplace_back()[static_cast<std::size_t>(code)] = padding;
    for (const Counts& pad : pads) {
      Counts got = counts_;
      for (std::size_t code = 0; code < got.size(); ++code) got[code] -= pad[code];
      if (std::ranges::any_of(got, [](long long count) { return count < 0; })) continue;
      if (auto tables = tables_between(want, got); !tables.empty()) return tables;
    }
    return {identity_table()};
  }

  Counts padding_counts() const {
    Counts counts{};
    const int K = before().K, N = before().N, Kp = before().padded_K(), Np = before().padded_N();
    counts[kSymmetricZero] = 1LL * K * (Np - N);
    for (int n = 0; n < Np; ++n) {
      const int zero = question_.padding_zeros.empty() ? kSymmetricZero : question_.padding_zeros(0, n);
      counts[static_cast<std::size_t>(zero)] += Kp - K;
    }
    return counts;
  }

  // --- trials

  static void add(PackedWays& ways, const std::optional<PackedWay>& way) {
    if (way) ways.push_back(*way);
  }

  std::size_t cost(const PackedWays& ways, const RowOrder& rows) const {
    return ways.size() + act_order_way(rows, question_.perm, question_.rows).has_value();
  }

  void likely() {
    const auto rows = row_orders();
    for (const CodesWay& way : likely_codes(before(), question_.rows.rows)) {
      const bool large = codes_count() > kLargeLayer;
      const bool enough = (best_.exact && (best_cost_ <= 1 || large)) || (large && near());
      if (enough) return;
      try_rows(way, rows);
    }
  }

  void try_rows(const CodesWay& way, const std::vector<NamedOrder>& rows) {
    const Codes codes = way.made();
    const std::vector<CodeTable> tables = tables_of(codes);
    if (!way.way) codes_ = codes, tables_ = tables;
    for (const NamedOrder& order : rows) {
      const RowOrder used = way.rows_sorted ? RowOrder{} : order.order;
      for (const OrderWay& blocks : orders_) {
        Trial trial = way.rows_sorted ? Trial{.rows = question_.rows.rows} : trial_of_rows(order.order);
        trial.model = model_of(codes, used, blocks.order);
        add(trial.ways, way.way);
        add(trial.ways, blocks.way);
        for (const CodeTable& table : tables) try_one(trial, table);
      }
      if (way.rows_sorted) return;
    }
  }

  Trial trial_of_rows(const RowOrder& order) const {
    RowsWay rows = rows_way(order, question_.perm, question_.rows, before());
    Trial trial{.rows = std::move(rows.rows)};
    add(trial.ways, rows.way);
    return trial;
  }

  void try_one(Trial trial, const CodeTable& table, const TileSample* sample = nullptr) {
    if (best_.exact && cost(trial.ways, trial.rows) >= best_cost_) return;
    trial.model.table = table;
    const auto map = (sample != nullptr ? *sample : sample_).fragments_of(trial.model);
    if (!map) return;
    trial.model.fragments = *map;
    judge(trial);
  }

  /// Makes the trial's words; keeps it when they are the ones that were seen, or more of them than before.
  void judge(Trial trial) {
    const auto same = [&](const WordsModel& model) {
      return model.fragments == trial.model.fragments && model.table == trial.model.table &&
             model.rows == trial.model.rows && model.order.blocks == trial.model.order.blocks &&
             model.order.row_major == trial.model.order.row_major && model.codes.data() == trial.model.codes.data();
    };
    if (std::ranges::any_of(judged_, same)) return;
    judged_.push_back(trial.model);
    if (!is_identity(trial.model.table)) trial.ways.push_back(table_way(trial.model));
    Words words = trial.model.words();
    if (words != question_.seen && trial.model.padded()) {
      for (const int code : kPaddings) {
        WordsModel other = trial.model;
        other.padding_code = code;
        Words made = other.words();
        if (made != question_.seen) continue;
        words = made;
        trial.ways.push_back(
            {.stage = StageId::tiles,
             .fault = fmt::format("like pad-nonzero-leak: padding holds code {} where its zero point is right", code)});
        break;
      }
    }
    if (words == question_.seen) {
      accept(trial);
      return;
    }
    keep_if_nearer(trial, words);
  }

  void keep_if_nearer(const Trial& trial, const Words& words) {
    std::size_t equal = 0;
    for (std::size_t i = 0; i < words.size(); ++i) equal += words[i] == question_.seen[i];
    if (equal <= nearest_equal_) return;
    nearest_equal_ = equal;
    nearest_ = trial;
    nearest_words_ = words;
  }

  void accept(Trial trial) {
    add_fragments(trial);
    const std::size_t here = cost(trial.ways, trial.rows);
    if (best_.exact && here >= best_cost_) return;
    best_cost_ = here;
    best_.exact = true;
    best_.rows = trial.rows;
    best_.ways = trial.ways;
  }

  void add_fragments(Trial& trial) const {
    if (trial.model.fragments == reference_fragments()) return;
    PackedWay way = fragments_way(trial.model.fragments);
    if (const auto slots = way.variant.empty()
                               ? slots_inside_tiles(trial.model.fragments, before(), question_.rows.ordered)
                               : std::nullopt) {
      PackedWay codes = *slots;
      codes.evidence.push_back("the words do not tell this from fragments: " + way.evidence[0]);
      codes.undo = way.undo;
      way = codes;
    }
    trial.ways.push_back(way);
  }

  // --- what is solved for when nothing likely fits

  void solved() {
    std::vector<FragmentMap> maps = {reference_fragments()};
    for (const KnownFragments& known : known_fragments()) maps.push_back(known.map);
    for (const FragmentMap& map : maps) {
      for (const CodeTable& table : tables_) {
        solve_behind(map, table);
        if (best_.exact) return;  // two stages at most: the reference inside tiles was first
      }
      if (codes_count() > kLargeLayer) return;
    }
  }

  void solve_behind(const FragmentMap& map, const CodeTable& table) {
    const bool moved_tiles = codes_count() <= kLargeLayer || !near();
    for (const NamedOrder& order : moved_tiles && !best_.exact ? row_orders() : std::vector<NamedOrder>{}) {
      WordsModel model = model_of(codes_, order.order, {});
      model.fragments = map;
      model.table = table;
      if (const auto blocks = solved_order(model, question_.seen)) {
        Trial trial = trial_of_rows(order.order);
        trial.ways.push_back(*blocks->way);
        trial.model = model;
        trial.model.order = blocks->order;
        try_one(trial, table);
        if (!best_.exact) judge(trial);
      }
    }
    if (best_.exact && best_cost_ <= 1) return;
    WordsModel model = model_of(codes_, question_.rows.rows, {});
    model.fragments = map;
    model.table = table;
    const Codes read = read_codes(model, question_.seen);
    if (const auto rows = solved_rows(model, read)) try_solved_rows(model, *rows);
    if (best_.exact && best_cost_ <= 1) return;
    for (const NamedOrder& order : row_orders()) {
      model.rows = order.order;
      for (const auto& way : {solved_columns(model, read), solved_words(before(), model, read)})
        if (way && !(best_.exact && best_cost_ <= 1)) {
          Trial trial = trial_of_rows(order.order);
          trial.ways.push_back(*way->way);
          trial.model = model;
          trial.model.codes = way->made();
          judge(trial);
        }
      if (codes_count() > kLargeLayer) return;
    }
  }

  void try_solved_rows(WordsModel model, const RowOrder& rows) {
    if (rows == model.rows) return;
    model.rows = rows;
    Trial trial = trial_of_rows(rows);
    trial.model = model;
    judge(trial);
  }

  // --- regions, and what is left

  bool near() const {
    return static_cast<double>(nearest_equal_) >= kLeastShare * static_cast<double>(question_.seen.size());
  }

  void regions() {
    region(Region::written);
    if (best_.exact) return;
    for (const NamedOrder& order : row_orders())
      for (const OrderWay& blocks : orders_) {
        Trial trial = trial_of_rows(order.order);
        trial.model = model_of(codes_, order.order, blocks.order);
        add(trial.ways, blocks.way);
        const std::size_t before_these = nearest_equal_;
        near_by_majority(trial);
        for (const TileSample& part : parts_)
          for (const CodeTable& table : tables_) try_one(trial, table, &part);
        if (nearest_equal_ > before_these) region(Region::written);
        if (best_.exact) return;
      }
  }

  void region(Region kind) {
    if (nearest_equal_ == 0 || (kind == Region::copied && !near())) return;
    const auto fit = region_fit(nearest_.model, question_.seen, nearest_words_, before().words, kind);
    if (!fit || fit->words != question_.seen) return;
    Trial trial = nearest_;
    trial.ways.push_back(fit->way);
    accept(trial);
  }

  /// The table that most codes agree on, with the reference or a known permutation inside tiles.
  void near_by_majority(Trial trial) {
    std::vector<FragmentMap> maps = {reference_fragments()};
    for (const KnownFragments& known : known_fragments()) maps.push_back(known.map);
    for (const FragmentMap& map : maps) {
      trial.model.fragments = map;
      const auto table = sample_.table_of(trial.model);
      if (!table) continue;
      trial.model.table = *table;
      if (sample_.share_equal(trial.model) >= kLeastShare) judge(trial);
    }
  }

  void unexplained() {
    best_.rows = near() ? nearest_.rows : question_.rows.rows;
    if (near()) {
      Trial trial = nearest_;
      add_fragments(trial);
      best_.ways = trial.ways;
      const UnmadeWords unmade = compare_rest(trial.model, question_.seen);
      best_.stage = unmade.stage;
      best_.mostly = true;
      best_.evidence = {fmt::format("{} of {} words are made; the others: {}", nearest_equal_, question_.seen.size(),
                                    text_of_differing(question_.seen, nearest_words_))};
      best_.evidence.insert(best_.evidence.end(), unmade.evidence.begin(), unmade.evidence.end());
    } else {
      const UnmadeWords unmade = compare_contents(model_of(codes_, question_.rows.rows, {}), question_.seen);
      best_.stage = unmade.stage;
      best_.evidence = unmade.evidence;
    }
  }

  const WordsQuestion& question_;
  TileSample sample_;
  std::vector<TileSample> parts_;
  std::vector<OrderWay> orders_;
  Counts counts_;
  Codes codes_;  // by the definition
  std::vector<CodeTable> tables_;
  WordsAnswer best_;
  std::size_t best_cost_ = 0;
  Trial nearest_;
  Words nearest_words_;
  std::size_t nearest_equal_ = 0;
  std::vector<WordsModel> judged_;  // whose words were made
};

bool is_constant(const Words& words) {
  return std::ranges::all_of(words.cells(), [&](std::uint32_t word) { return word == words[0]; });
}

/// The words are the checkpoint's: nothing was done to them.
bool not_repacked(const WordsQuestion& question) {
  const auto& stored = question.before.words;
  return stored.size() == question.seen.size() && std::ranges::equal(stored.cells(), question.seen.cells());
}

}  // namespace

WordsAnswer solve_words(const WordsQuestion& question) {
  if (not_repacked(question))
    return {.exact = true,
            .ways = {{.stage = StageId::tiles,
                      .fault = "B is the checkpoint's qweight, word for word: it was not repacked"}},
            .rows = question.rows.rows};
  if (is_constant(question.seen) && !is_constant(question.before.words))
    return {
        .exact = true,
        .ways = {{.stage = StageId::fragments,
                  .fault = fmt::format("every word of B is 0x{:08x}, as if B was never written", question.seen[0])}},
        .rows = question.rows.rows};
  WordsAnswer answer = WordsSearch(question).answer();
  if (const auto way = act_order_way(answer.rows, question.perm, question.rows)) answer.ways.push_back(*way);
  return answer;
}

}  // namespace w4::cases::packed
