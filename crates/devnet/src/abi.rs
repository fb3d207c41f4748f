//! The functions and events of the contracts that the devnet and the tests call.

use alloy::sol;

sol! {
    interface Token {
        event Transfer(address indexed from, address indexed to, uint256 value);
        function balanceOf(address account) external view returns (uint256);
        function decimals() external view returns (uint8);
        function totalSupply() external view returns (uint256);
        function transfer(address to, uint256 amount) external;
        function mint(address to, uint256 amount) external;
    }

    interface Pausable {
        function pause() external;
        function unpause() external;
    }

    interface Blocklist {
        function setBlocked(address account, bool blocked) external;
    }

    /// What `transfer` of a `ChangingToken` does from now on.
    enum Behaviour { Honest, Reverts, ReturnsFalse, MovesHalf, LiesInItsLog }

    interface Changing {
        function setDecimals(uint8 value) external;
        function setBehaviour(Behaviour value) external;
    }

    interface ContractWallet {
        function setOwner(address owner) external;
        function isValidSignature(bytes32 hash, bytes signature) external view returns (bytes4);
    }

    interface WalletFactory {
        function addressOf(address owner, bytes32 salt) external view returns (address);
        function deploy(address owner, bytes32 salt) external returns (address);
        function refuse() external pure;
        function idle() external;
    }

    interface Receiver {
        function setWelcome(bool value) external;
    }

    interface Unlock {
        event NewLock(address indexed lockOwner, address indexed newLockAddress);
        function initialize(address owner) external;
        function addLockTemplate(address template, uint16 version) external;
        function setLockTemplate(address template) external;
        function createUpgradeableLockAtVersion(bytes data, uint16 version) external returns (address);
    }

    interface PublicLock {
        function initialize(
            address creator,
            uint256 expirationDuration,
            address token,
            uint256 keyPrice,
            uint256 maxNumberOfKeys,
            string name
        ) external;
        function grantKeys(address[] recipients, uint256[] expirations, address[] managers) external returns (uint256[]);
        function getHasValidKey(address owner) external view returns (bool);
        function tokenOfOwnerByIndex(address owner, uint256 index) external view returns (uint256);
        function setKeyExpiration(uint256 tokenId, uint256 expiration) external;
    }
}
