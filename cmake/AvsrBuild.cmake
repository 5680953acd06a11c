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

# avsr_library(NAME [ROOMS folder…] DEPENDS target…): one static library from the *.cc files of this folder and of the named
# ones in it.
function(avsr_library name)
  cmake_parse_arguments(arg "" "" "ROOMS;DEPENDS" ${ARGN})
  set(patterns ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  foreach(room ${arg_ROOMS})
    list(APPEND patterns ${CMAKE_CURRENT_SOURCE_DIR}/${room}/*.cc)
  endforeach()
  file(GLOB sources CONFIGURE_DEPENDS ${patterns})
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

# avsr_test_program(NAME FOLDER folder [PREFIX prefix] SOURCES file… DEPENDS target…): a test program for tests/FOLDER, known
# to ctest case by case as PREFIX/FOLDER/….
function(avsr_test_program name)
  cmake_parse_arguments(arg "" "FOLDER;PREFIX" "SOURCES;DEPENDS" ${ARGN})
  avsr_program(${name} SOURCES ${arg_SOURCES} DEPENDS ${arg_DEPENDS} GTest::gmock GTest::gtest_main)
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_compile_definitions(${name} PRIVATE AVSR_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  if(arg_PREFIX STREQUAL "cuda/") # one entry: without a GPU all of the program is skipped
    add_test(NAME ${AVSR_TEST_PREFIX}cuda/${arg_FOLDER} COMMAND ${name})
    set_tests_properties(${AVSR_TEST_PREFIX}cuda/${arg_FOLDER} PROPERTIES TIMEOUT 600
                         SKIP_REGULAR_EXPRESSION "SKIPPED . all of this program")
  else()
    gtest_discover_tests(${name} TEST_PREFIX "${AVSR_TEST_PREFIX}${arg_PREFIX}${arg_FOLDER}/"
                         DISCOVERY_TIMEOUT 120 PROPERTIES TIMEOUT 600)
  endif()
endfunction()

# avsr_tests(FOLDER [ROOMS folder…] DEPENDS target…): one test program FOLDER_tests from tests/FOLDER/*.cc and
# tests/FOLDER/ROOM/*.cc.
function(avsr_tests folder)
  cmake_parse_arguments(arg "" "" "ROOMS;DEPENDS" ${ARGN})
  set(patterns ${CMAKE_SOURCE_DIR}/tests/${folder}/*.cc)
  foreach(room ${arg_ROOMS})
    list(APPEND patterns ${CMAKE_SOURCE_DIR}/tests/${folder}/${room}/*.cc)
  endforeach()
  file(GLOB sources CONFIGURE_DEPENDS ${patterns})
  string(REPLACE "/" "_" name ${folder})
  avsr_test_program(${name}_tests FOLDER ${folder} SOURCES ${sources} DEPENDS ${arg_DEPENDS})
endfunction()

# avsr_backend_tests(FOLDER DEPENDS target…): tests/FOLDER/*.cc compiled once, and linked once for each back end that this
# build has, with the file of tests/models/test_backends that opens it: FOLDER_tests for the CPU, FOLDER_cuda_tests, … .
# What knows the CPU back end from inside stands in tests/FOLDER/cpu, the CUDA back end in tests/FOLDER/cuda (run on the
# host), and what the CPU is not asked in tests/FOLDER/device.
function(avsr_backend_tests folder)
  cmake_parse_arguments(arg "" "" "DEPENDS" ${ARGN})
  string(REPLACE "/" "_" name ${folder})
  set(tests ${CMAKE_SOURCE_DIR}/tests/${folder})
  file(GLOB sources CONFIGURE_DEPENDS ${tests}/*.cc)
  file(GLOB cpu_sources CONFIGURE_DEPENDS ${tests}/cpu/*.cc)
  file(GLOB cuda_sources CONFIGURE_DEPENDS ${tests}/cuda/*.cc)
  file(GLOB device_sources CONFIGURE_DEPENDS ${tests}/device/*.cc)
  add_library(${name}_test_objects OBJECT ${sources})
  target_link_libraries(${name}_test_objects PUBLIC ${arg_DEPENDS} GTest::gmock)
  target_include_directories(${name}_test_objects PUBLIC ${CMAKE_SOURCE_DIR})
  target_compile_definitions(${name}_test_objects PRIVATE AVSR_SOURCE_DIR="${CMAKE_SOURCE_DIR}")

  set(opened_by ${CMAKE_SOURCE_DIR}/tests/models/test_backends)
  set(shared FOLDER ${folder} DEPENDS ${name}_test_objects avsr_backend_cpu)
  avsr_test_program(${name}_tests ${shared} SOURCES ${cpu_sources} ${opened_by}/cpu.cc)
  if(folder STREQUAL models/backend) # the kernels alone know of channel blocks
    avsr_test_program(${name}_cpu_block_8_tests ${shared} PREFIX cpu_block_8/ SOURCES ${opened_by}/cpu_block_8.cc)
  endif()
  if(TARGET avsr_cuda_emulated)
    avsr_test_program(${name}_emulated_tests ${shared} avsr_cuda_emulated PREFIX emulated/
                      SOURCES ${cuda_sources} ${device_sources} ${opened_by}/emulated.cc)
  endif()
  if(TARGET avsr_cuda)
    avsr_test_program(${name}_cuda_tests ${shared} ${CMAKE_DL_LIBS} PREFIX cuda/
                      SOURCES ${device_sources} ${opened_by}/cuda.cc)
    target_compile_definitions(${name}_cuda_tests PRIVATE AVSR_CUDA_PLUGIN="$<TARGET_FILE:avsr_cuda>")
    add_dependencies(${name}_cuda_tests avsr_cuda)
  endif()
endfunction()
# so that one summary can speak of both builds
if(AVSR_SANITIZE)
  set(AVSR_TEST_PREFIX "sanitize/")
else()
  set(AVSR_TEST_PREFIX "")
endif()
