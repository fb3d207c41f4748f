// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {DgToken} from "./DgToken.sol";

/// Keeps a part of each transfer for its owner, so that less arrives than was sent.
contract FeeToken is DgToken {
    uint256 public constant FEE_BASIS_POINTS = 100;

    constructor() DgToken("Takes A Fee", "FEE") {}

    function _update(address from, address to, uint256 amount) internal override {
        if (from == address(0) || to == address(0)) return super._update(from, to, amount);
        uint256 fee = (amount * FEE_BASIS_POINTS) / 10_000;
        super._update(from, owner(), fee);
        super._update(from, to, amount - fee);
    }
}
