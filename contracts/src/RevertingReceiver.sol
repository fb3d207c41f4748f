// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// Accepts no native coins until it is told to.
contract RevertingReceiver {
    error NotWelcome();

    bool public welcome;

    function setWelcome(bool value) external {
        welcome = value;
    }

    receive() external payable {
        if (!welcome) revert NotWelcome();
    }
}
