// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";

/// Asks a wallet that is not deployed yet whether it accepts a signature (ERC-6492): lets its factory deploy it, and asks it
/// (EIP-1271). Made to be created inside an `eth_call`, which leaves nothing on chain; the answer takes the place of its code.
/// It has no privileges, and nothing calls it. Created on chain by somebody it does no harm: the code is one STOP and some data.
contract UndeployedWallet {
    uint256 private constant YES = 1;
    uint256 private constant NO = 2;
    uint256 private constant FACTORY_FAILED = 3;
    uint256 private constant NOT_DEPLOYED = 4;
    uint256 private constant WALLET_FAILED = 5;

    constructor(address wallet, bytes32 hash, address factory, bytes memory factoryCall, bytes memory signature) {
        uint256 answer = ask(wallet, hash, factory, factoryCall, signature);
        assembly ("memory-safe") {
            mstore(0, answer)
            return(0, 32)
        }
    }

    function ask(address wallet, bytes32 hash, address factory, bytes memory factoryCall, bytes memory signature)
        private
        returns (uint256)
    {
        if (wallet.code.length == 0) {
            (bool called,) = factory.call(factoryCall);
            if (!called) return FACTORY_FAILED;
            if (wallet.code.length == 0) return NOT_DEPLOYED;
        }
        (bool answered, bytes memory word) = wallet.staticcall(abi.encodeCall(IERC1271.isValidSignature, (hash, signature)));
        if (!answered) return WALLET_FAILED;
        bool yes = word.length == 32 && bytes32(word) == bytes32(IERC1271.isValidSignature.selector);
        return yes ? YES : NO;
    }
}
