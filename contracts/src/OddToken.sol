// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// The bookkeeping of a token, without its interface: `transfer` is what the odd ones do differently.
/// Not an OpenZeppelin ERC20, because an override there cannot drop the return value.
abstract contract OddToken {
    event Transfer(address indexed from, address indexed to, uint256 value);

    error NotOwner();
    error InsufficientBalance(address holder, uint256 balance, uint256 needed);

    uint8 public constant decimals = 18;
    address public immutable owner = msg.sender;
    uint256 public totalSupply;
    mapping(address => uint256) public balanceOf;

    modifier onlyOwner() {
        if (msg.sender != owner) revert NotOwner();
        _;
    }

    function mint(address to, uint256 amount) external onlyOwner {
        totalSupply += amount;
        balanceOf[to] += amount;
        emit Transfer(address(0), to, amount);
    }

    function _move(address from, address to, uint256 amount) internal {
        uint256 balance = balanceOf[from];
        if (balance < amount) revert InsufficientBalance(from, balance, amount);
        balanceOf[from] = balance - amount;
        balanceOf[to] += amount;
        emit Transfer(from, to, amount);
    }
}
