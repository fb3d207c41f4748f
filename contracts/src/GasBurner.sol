// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// Burns all the gas that comes with native coins: the payment runs out of gas whatever its limit.
contract GasBurner {
    receive() external payable {
        assembly {
            invalid()
        }
    }
}
