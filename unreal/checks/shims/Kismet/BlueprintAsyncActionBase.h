#pragma once
#include "ShimEngine.h"
