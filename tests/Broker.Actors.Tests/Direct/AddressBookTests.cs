using Broker.Actors.Direct;
using Broker.Coordination;
using Broker.Coordination.Embedded;
using Broker.Protocol;
using Broker.Storage.Disks;

namespace Broker.Actors.Tests.Direct;

/// <summary>Who has an address, as nodes agree on it in the store that they share.</summary>
public sealed class AddressBookTests : IAsyncDisposable
{
    private const string Ann = "amq.address.ann";
    private readonly EmbeddedMetadataStore _store = EmbeddedMetadataStore.Open(new MemoryDisk(), "metadata", Guid.NewGuid());

    public ValueTask DisposeAsync() => _store.DisposeAsync();

    [Fact]
    public async Task Of_two_users_at_two_nodes_one_gets_it_although_neither_knows_of_the_other()
    {
        for (var i = 0; i < 20; i++)
        {
            var (one, two) = (Book("node-1"), Book("node-2"));
            var name = $"amq.address.{i}";
            var refusals = await Task.WhenAll(one.ClaimAsync(name, "ann"), two.ClaimAsync(name, "bob"));
            Assert.Single(refusals, r => r is null);
            Assert.Single(refusals, r => r is { Code: ErrorCode.AccessRefused });
        }
    }

    [Fact]
    public async Task Its_user_may_have_it_again_anywhere_and_the_last_place_counts()
    {
        var (one, two) = (Book("node-1"), Book("node-2"));
        Assert.Null(await one.ClaimAsync(Ann, "ann"));
        Assert.Null(await two.ClaimAsync(Ann, "ann"));
        Assert.Equal("node-2", two.NodeOf(Ann));
        Assert.Equal([Ann], one.Merge(await _store.ReadAsync(AddressBook.Prefix))); // its consumer here has been left behind
        Assert.Equal("node-2", one.NodeOf(Ann));
        await one.LeaveAsync(Ann); // it is not there to leave
        Assert.Equal("node-2", Known(await ReadAsync()).NodeOf(Ann));
        await two.LeaveAsync(Ann);
        var known = Known(await ReadAsync());
        Assert.Equal((null, "ann"), (known.NodeOf(Ann), Assert.Single(known.List()).User));
    }

    [Fact]
    public async Task A_released_address_is_for_whoever_comes()
    {
        var book = Book("node-1");
        Assert.Null(await book.ClaimAsync(Ann, "ann"));
        Assert.Equal(ErrorCode.AccessRefused, (await book.ReleaseAsync(Ann, "bob"))!.Value.Code);
        Assert.Null(await book.ReleaseAsync(Ann, "ann"));
        Assert.Null(await book.ReleaseAsync(Ann, "ann")); // it is nobody's, which is as wanted
        Assert.Null(await Known(await ReadAsync(), "node-2").ClaimAsync(Ann, "bob"));
        Assert.Equal("bob", Assert.Single(Known(await ReadAsync()).List()).User);
        Assert.Equal(ErrorCode.AccessRefused, (await book.ClaimAsync(Ann, "ann"))!.Value.Code); // although it has not heard of that
    }

    [Fact]
    public async Task A_node_that_starts_says_that_nobody_is_there()
    {
        Assert.Null(await Book("node-1").ClaimAsync(Ann, "ann"));
        Assert.Null(await Book("node-2").ClaimAsync("amq.address.bob", "bob"));
        await Book("node-1").LoadAsync(default);
        var known = Known(await ReadAsync());
        Assert.Equal([(Ann, "ann", null), ("amq.address.bob", "bob", "node-2")], known.List());
    }

    [Fact]
    public async Task Older_news_has_no_effect()
    {
        var book = Book("node-1");
        Assert.Null(await book.ClaimAsync(Ann, "ann"));
        var old = await ReadAsync();
        await book.LeaveAsync(Ann);
        Assert.Null(book.NodeOf(Ann));
        book.Apply(new MetadataChange(old.Revision, old.Values, []));
        Assert.Null(book.NodeOf(Ann));
    }

    [Theory]
    [InlineData("a")]
    [InlineData("a/b ü\u2028 %2F")]
    public async Task Any_name_in_any_vhost_is_kept_as_it_is(string address)
    {
        string[] names = [$"amq.address.{address}", $"shop\u001famq.address.{address}"];
        foreach (var name in names)
        {
            Assert.Null(await Book("node-1").ClaimAsync(name, "ann"));
        }

        Assert.Equal(names.Order(StringComparer.Ordinal), Known(await ReadAsync()).List().Select(a => a.Name));
    }

    [Fact]
    public async Task An_address_that_no_key_can_hold_is_refused()
    {
        Assert.Equal(ErrorCode.InvalidArgument, (await Book("node-1").ClaimAsync("amq.address." + new string('ü', 400), "ann"))!.Value.Code);
    }

    [Fact]
    public async Task A_store_that_does_not_answer_refuses_for_now()
    {
        var book = Book("node-1");
        await _store.DisposeAsync();
        Assert.Equal(ErrorCode.Unavailable, (await book.ClaimAsync(Ann, "ann"))!.Value.Code);
    }

    private AddressBook Book(string node) => new(_store, node, isShared: true);

    private Task<MetadataSnapshot> ReadAsync() => _store.ReadAsync(AddressBook.Prefix);

    private AddressBook Known(MetadataSnapshot snapshot, string node = "node-3")
    {
        var book = Book(node);
        book.Merge(snapshot);
        return book;
    }
}
