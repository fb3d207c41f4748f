// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Erc1271Wallet} from "./Erc1271Wallet.sol";

/// Deploys wallets at addresses that are known before (CREATE2), as smart accounts are. Its `refuse` reverts, its `idle` deploys
/// nothing.
contract WalletFactory {
    error Refused();

    function addressOf(address owner, bytes32 salt) public view returns (address) {
        bytes memory code = abi.encodePacked(type(Erc1271Wallet).creationCode, abi.encode(owner));
        bytes32 hash = keccak256(abi.encodePacked(bytes1(0xff), address(this), salt, keccak256(code)));
        return address(uint160(uint256(hash)));
    }

    function deploy(address owner, bytes32 salt) external returns (address) {
        address wallet = addressOf(owner, salt);
        if (wallet.code.length == 0) new Erc1271Wallet{salt: salt}(owner);
        return wallet;
    }

    function refuse() external pure {
        revert Refused();
    }

    function idle() external {}
}
