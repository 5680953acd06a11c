# Compiler settings, and the functions that every folder's CMakeLists.txt uses.
include(GNUInstallDirs)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
# Where ccache is installed, rebuilding after a branch switch costs seconds.
find_program(AVSR_CCACHE ccache)
if(AVSR_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${AVSR_CCACHE})
endif()

# Only what a program uses: OpenCV's image files alone bring over a hundred libraries, which every start would load.
add_link_options(LINKER:--as-needed)

# Warnings: for C++ alone, as nvcc has other names for them. GCC's flow analysis calls instrumented code wrong where it is
# not, so the sanitizer preset shows warnings and the release preset refuses them.
set(AVSR_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wno-missing-field-initializers)
if(AVSR_WARNINGS_AS_ERRORS)
  list(APPEND AVSR_WARNINGS -Werror)
endif()
add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:${AVSR_WARNINGS}>")

# AVSR_SANITIZE also tells the code to leave function multiversioning out: ifunc resolvers run before the sanitizer is ready.
if(AVSR_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -O1 -g1 -UNDEBUG
                      -Wno-maybe-uninitialized)
  add_link_options(-fsanitize=address,undefined)
  add_compile_definitions(AVSR_SANITIZE _GLIBCXX_ASSERTIONS)
endif()

# avsr_library(NAME DEPENDS target…): one static library from the *.cc files of this folder.
function(avsr_library name)
  cmake_parse_arguments(arg "" "" "DEPENDS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  list(FILTER sources EXCLUDE REGEX "_main\\.cc$")
  if(sources)
    add_library(${name} STATIC ${sources})
    target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
    target_link_libraries(${name} PUBLIC ${arg_DEPENDS})
  else()
    add_library(${name} INTERFACE)
    target_include_directories(${name} INTERFACE ${CMAKE_SOURCE_DIR})
    target_link_libraries(${name} INTERFACE ${arg_DEPENDS})
  endif()
endfunction()

# avsr_program(NAME SOURCES file… DEPENDS target…): one program; sanitized ones carry their run-time options inside.
function(avsr_program name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_DEPENDS})
  if(AVSR_SANITIZE)
    target_sources(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/sanitizer_options.cc)
  endif()
endfunction()

# avsr_tests(FOLDER DEPENDS target…): one test program FOLDER_tests from tests/FOLDER/*.cc, known to ctest case by case.
function(avsr_tests folder)
  cmake_parse_arguments(arg "" "" "DEPENDS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/${folder}/*.cc)
  if(NOT sources)
    return()
  endif()
  string(REPLACE "/" "_" name ${folder})
  avsr_program(${name}_tests SOURCES ${sources} DEPENDS ${arg_DEPENDS} GTest::gmock GTest::gtest_main)
  target_include_directories(${name}_tests PRIVATE ${CMAKE_SOURCE_DIR})
  target_compile_definitions(${name}_tests PRIVATE
    AVSR_TEST_DATA="${CMAKE_SOURCE_DIR}/tests/${folder}/data" AVSR_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  gtest_discover_tests(${name}_tests TEST_PREFIX "${AVSR_TEST_PREFIX}${folder}/"
                       DISCOVERY_TIMEOUT 120 PROPERTIES TIMEOUT 600)
endfunction()
# so that one summary can speak of both builds
if(AVSR_SANITIZE)
  set(AVSR_TEST_PREFIX "sanitize/")
else()
  set(AVSR_TEST_PREFIX "")
endif()
