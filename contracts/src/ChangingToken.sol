// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {DgToken} from "./DgToken.sol";

/// Changes what it is after it was trusted: its owner sets `decimals()` and what `transfer` does.
contract ChangingToken is DgToken {
    enum Behaviour {
        Honest,
        Reverts,
        ReturnsFalse,
        MovesHalf,
        LiesInItsLog
    }

    error Refused();

    uint8 private _decimals = 18;
    Behaviour public behaviour;

    constructor() DgToken("Changes Its Mind", "CHANGE") {}

    function decimals() public view override returns (uint8) {
        return _decimals;
    }

    function setDecimals(uint8 value) external onlyOwner {
        _decimals = value;
    }

    function setBehaviour(Behaviour value) external onlyOwner {
        behaviour = value;
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        if (behaviour == Behaviour.Reverts) revert Refused();
        if (behaviour == Behaviour.ReturnsFalse) return false;
        if (behaviour == Behaviour.MovesHalf) return super.transfer(to, amount / 2);
        if (behaviour == Behaviour.LiesInItsLog) {
            emit Transfer(msg.sender, to, amount);
            return true;
        }
        return super.transfer(to, amount);
    }
}
