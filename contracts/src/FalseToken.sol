// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {OddToken} from "./OddToken.sol";

/// Moves nothing and returns false instead of reverting: the transaction succeeds, the payment does not.
contract FalseToken is OddToken {
    string public constant name = "Returns False";
    string public constant symbol = "FALSE";

    function transfer(address, uint256) external pure returns (bool) {
        return false;
    }
}
