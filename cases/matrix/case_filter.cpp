// SPDX-License-Identifier: Apache-2.0
#include "cases/matrix/case_filter.h"

#include "cases/faults/faults.h"
#include "cases/matrix/axes.h"
#include "fixtures/error.h"

#include <fmt/format.h>

#include <cctype>
#include <charconv>
#include <cmath>

namespace w4::cases::matrix {
namespace {

using Test = std::function<bool(const CaseId&)>;

constexpr std::size_t kMostCharacters = 4096;  // a parser and what it makes recurse
constexpr int kMostNested = 100;

/// A side of a comparison: a number or a word, of an axis or written.
struct Side {
  std::function<double(const CaseId&)> number = {};
  std::function<std::string(const CaseId&)> word = {};
  const Axis* axis = nullptr;  // of a word that cases have
  std::string constant = {};   // a word that was written
  bool is_group = false;       // the axis group by itself
  bool is_negative = false;    // a number that was written, with its sign
};

struct Token {
  enum class Kind { end, number, word, sign } kind = Kind::end;
  std::string text = {};
  std::size_t at = 0;
};

bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

/// The group of MODE GROUP: -1 is one group of all K rows.
double group_or_one(const CaseId& id) { return id.group_size() == id.K ? -1 : id.group_size(); }

/// Conditions that a sweep prints are expressions too.
std::string_view name_of_axis(std::string_view word) {
  if (word == "group_size") return "group";
  return word == "thread_blocks" ? "sms" : word;
}

/// The token that begins at `at`, behind blanks.
Token token_at(std::string_view text, std::size_t at) {
  while (at < text.size() && std::isspace(static_cast<unsigned char>(text[at])) != 0) ++at;
  if (at == text.size()) return {.at = at};
  std::size_t end = at;
  if (text[at] == '\'' || text[at] == '"') {
    end = text.find(text[at], at + 1);
    if (end == text.npos) throw InputError("--where '{}': the quote at {} has no end", text, at + 1);
    return {Token::Kind::word, std::string(text.substr(at + 1, end - at - 1)), at};
  }
  const auto letter_behind = [&](std::size_t i) { return i + 1 < text.size() && is_letter(text[i + 1]); };
  while (end < text.size() &&
         (is_letter(text[end]) || is_digit(text[end]) || (end > at && text[end] == '-' && letter_behind(end))))
    ++end;
  if (end > at) {
    const std::string word(text.substr(at, end - at));
    const bool number = word.find_first_not_of("0123456789") == word.npos;
    return {number ? Token::Kind::number : Token::Kind::word, word, at};
  }
  const bool two = at + 1 < text.size() && text[at + 1] == '=' && std::string_view("<>=!").find(text[at]) != text.npos;
  return {Token::Kind::sign, std::string(text.substr(at, two ? 2 : 1)), at};
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) { advance(); }

  Test parse() {
    Test test = either();
    if (token_.kind != Token::Kind::end) fail("'and', 'or' or the end");
    return test;
  }

 private:
  [[noreturn]] void fail(std::string_view expected) const {
    throw InputError("--where '{}': at {}, '{}' where {} is expected", text_, token_.at + 1, token_.text, expected);
  }

  void advance() {
    token_ = token_at(text_, next_);
    const bool quoted = token_.at < text_.size() && (text_[token_.at] == '\'' || text_[token_.at] == '"');
    next_ = token_.at + token_.text.size() + (quoted ? 2 : 0);
  }

  bool take(std::string_view text) {
    if (token_.text != text || token_.kind == Token::Kind::number) return false;
    advance();
    return true;
  }

  Test either() {
    Test left = both();
    while (take("or")) left = [left, right = both()](const CaseId& id) { return left(id) || right(id); };
    return left;
  }

  Test both() {
    Test left = single();
    while (take("and")) left = [left, right = single()](const CaseId& id) { return left(id) && right(id); };
    return left;
  }

  Test single() {
    const bool negated = take("not");
    if (!negated && !take("(")) return comparison();
    if (++nested_ > kMostNested) throw InputError("--where: nested deeper than {}", kMostNested);
    Test inner = negated ? single() : either();
    --nested_;
    if (negated) return [inner](const CaseId& id) { return !inner(id); };
    if (!take(")")) fail("')'");
    return inner;
  }

  Test comparison() {
    Side left = sum();
    const std::string sign = token_.text;
    if (token_.kind != Token::Kind::sign || (sign.back() != '=' && sign != "<" && sign != ">") || sign == "=")
      fail("a comparison (<, <=, ==, !=, >=, >)");
    advance();
    Side right = sum();
    if (left.is_group && right.is_negative) left.number = group_or_one;
    if (right.is_group && left.is_negative) right.number = group_or_one;
    if (static_cast<bool>(left.number) != static_cast<bool>(right.number)) {
      const Side& word = left.number ? right : left;
      if (word.axis == nullptr)
        throw InputError("--where '{}': '{}' is no axis{}", text_, word.constant, known_axes(word.constant));
      throw InputError("--where '{}': axis {} has words, and is held against a number", text_, word.axis->name);
    }
    return left.number ? of_numbers(left.number, sign, right.number) : of_words(left, sign, right);
  }

  static Test of_numbers(const std::function<double(const CaseId&)>& a, const std::string& sign,
                         const std::function<double(const CaseId&)>& b) {
    if (sign == "<") return [=](const CaseId& id) { return a(id) < b(id); };
    if (sign == "<=") return [=](const CaseId& id) { return a(id) <= b(id); };
    if (sign == "==") return [=](const CaseId& id) { return a(id) == b(id); };
    if (sign == "!=") return [=](const CaseId& id) { return a(id) != b(id); };
    if (sign == ">=") return [=](const CaseId& id) { return a(id) >= b(id); };
    return [=](const CaseId& id) { return a(id) > b(id); };
  }

  Test of_words(const Side& a, const std::string& sign, const Side& b) const {
    if (sign != "==" && sign != "!=")
      throw InputError("--where '{}': words are compared by == and !=, not by {}", text_, sign);
    if (a.axis == nullptr && b.axis == nullptr)
      throw InputError("--where '{}': '{}' is no axis, nor is '{}'{}", text_, a.constant, b.constant,
                       known_axes(a.constant));
    check_word(a, b);
    check_word(b, a);
    return [a = a.word, b = b.word, same = sign == "=="](const CaseId& id) { return (a(id) == b(id)) == same; };
  }

  /// A word that the axis cannot have would silently select nothing.
  static void check_word(const Side& side, const Side& other) {
    if (side.axis != nullptr || other.axis == nullptr) return;
    Axes ignored;
    set_axis(fmt::format("{}={}", other.axis->name, side.constant), ignored);
  }

  static std::string known_axes(std::string_view word) {
    std::vector<std::string> names;
    for (const Axis& axis : all_axes()) names.emplace_back(axis.name);
    return fmt::format("{}; axes are {}", faults::did_you_mean(word, names), fmt::join(names, ", "));
  }

  Side sum() {
    Side left = product();
    while (token_.text == "+" || token_.text == "-") left = arithmetic(left, &Parser::product);
    return left;
  }

  Side product() {
    Side left = atom();
    while (token_.text == "*" || token_.text == "/" || token_.text == "%") left = arithmetic(left, &Parser::atom);
    return left;
  }

  Side arithmetic(const Side& left, Side (Parser::*next)()) {
    const char sign = token_.text[0];
    advance();
    const Side right = (this->*next)();
    if (!left.number || !right.number)
      throw InputError("--where '{}': {} is for numbers{}", text_, sign,
                       known_axes(left.number ? right.constant : left.constant));
    return {.number = [a = left.number, b = right.number, sign](const CaseId& id) {
      switch (sign) {
        case '+': return a(id) + b(id);
        case '-': return a(id) - b(id);
        case '*': return a(id) * b(id);
        case '/': return a(id) / b(id);
        default: return std::fmod(a(id), b(id));
      }
    }};
  }

  Side negative() {
    if (token_.kind != Token::Kind::number) fail("a number");
    return {.number = [value = atom().number](const CaseId& id) { return -value(id); }, .is_negative = true};
  }

  Side atom() {
    if (take("-")) return negative();
    const Token token = token_;
    if (token.kind == Token::Kind::number) {
      double value = 0;
      std::from_chars(token.text.data(), token.text.data() + token.text.size(), value);
      advance();
      return {.number = [value](const CaseId&) { return value; }};
    }
    if (token.kind != Token::Kind::word || token.text == "and" || token.text == "or" || token.text == "not")
      fail("an axis, a number or a word");
    advance();
    const std::string_view name = name_of_axis(token.text);
    for (const Axis& axis : all_axes())
      if (axis.name == name) return side_of(axis);
    return {.word = [text = token.text](const CaseId&) { return text; }, .constant = token.text};
  }

  static Side side_of(const Axis& axis) {
    if (std::holds_alternative<long long>(axis.of(CaseId{})))
      return {.number = [&axis](const CaseId& id) { return static_cast<double>(std::get<long long>(axis.of(id))); },
              .is_group = axis.name == "group"};
    return {.word = [&axis](const CaseId& id) { return std::get<std::string>(axis.of(id)); }, .axis = &axis};
  }

  std::string_view text_;
  Token token_;
  std::size_t next_ = 0;
  int nested_ = 0;
};

}  // namespace

Test parse_where(std::string_view text) {
  if (text.size() > kMostCharacters)
    throw InputError("--where: {} characters, at most {} are read", text.size(), kMostCharacters);
  return Parser(text).parse();
}

}  // namespace w4::cases::matrix
