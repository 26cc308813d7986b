# SPDX-License-Identifier: Apache-2.0
# cmake -DOUT=FILE -DFOLDER=DIR -DSCRIPTS=a.js,b.js -P embed.cmake: the pieces of the page as strings of a .cpp.
set(most_bytes 60000) # a string literal may have 65536 characters, says the standard

function(add_literal name)
  set(content "")
  foreach(piece IN LISTS ARGN)
    file(READ ${FOLDER}/${piece} text)
    string(LENGTH "${text}" length)
    if(length GREATER most_bytes)
      message(FATAL_ERROR "${piece} has ${length} bytes, more than ${most_bytes}: part it")
    endif()
    if(text MATCHES "\\)w4page\"")
      message(FATAL_ERROR "${piece} holds the end of its own literal")
    endif()
    string(APPEND content "    R\"w4page(${text})w4page\",\n")
  endforeach()
  set(${name} "${content}" PARENT_SCOPE)
endfunction()

string(REPLACE "," ";" scripts "${SCRIPTS}")
add_literal(html page.html)
add_literal(css page.css)
add_literal(js ${scripts})
file(WRITE ${OUT} "// Made of ${SCRIPTS}, page.html and page.css. Change those.
#include \"cases/matrix/page_pieces.h\"

namespace w4::cases::matrix {
namespace {
constexpr std::string_view kHtml[] = {
${html}};
constexpr std::string_view kCss[] = {
${css}};
constexpr std::string_view kScripts[] = {
${js}};
}  // namespace

PagePieces page_pieces() { return {kHtml, kCss, kScripts}; }

}  // namespace w4::cases::matrix
")
