// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {DgToken} from "./DgToken.sol";

/// Refuses to move money from or to a listed account, as USDC does.
contract BlocklistToken is DgToken {
    error Blocked(address account);

    mapping(address => bool) public isBlocked;

    constructor() DgToken("Has A Blocklist", "BLOCK") {}

    function setBlocked(address account, bool blocked) external onlyOwner {
        isBlocked[account] = blocked;
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (isBlocked[from]) revert Blocked(from);
        if (isBlocked[to]) revert Blocked(to);
        super._update(from, to, amount);
    }
}
