#pragma once
#include "ShimTypes.h"
