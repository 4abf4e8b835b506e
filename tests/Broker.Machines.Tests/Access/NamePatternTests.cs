using Broker.Machines.Access;

namespace Broker.Machines.Tests.Access;

public sealed class NamePatternTests
{
    [Theory]
    [InlineData("", "", true)]
    [InlineData("", "orders", false)]
    [InlineData(".*", "orders", true)]
    [InlineData(".*", "", true)]
    [InlineData("^.*$", "orders", true)]
    [InlineData("order", "my-orders", true)] // not bound to an end, as in RabbitMQ
    [InlineData("^order", "my-orders", false)]
    [InlineData("^order", "orders", true)]
    [InlineData("orders$", "orders-2", false)]
    [InlineData("^orders$", "orders", true)]
    [InlineData("^(amq\\.gen.*|amq\\.default)$", "amq.default", true)]
    [InlineData("^(amq\\.gen.*|amq\\.default)$", "amq.genuine", true)]
    [InlineData("^(amq\\.gen.*|amq\\.default)$", "amq.direct", false)]
    [InlineData("^app\\.", "appx", false)]
    [InlineData("^Order", "order", false)]
    [InlineData("(?i)^Order", "order", true)]
    [InlineData("^ä+$", "ää", true)]
    public void Pattern_matches_the_names_in_which_it_occurs(string text, string name, bool matches)
    {
        Assert.True(NamePattern.TryParse(text, out var pattern, out _));
        Assert.Equal((matches, text), (pattern.Matches(name), pattern.Text));
    }

    [Theory]
    [InlineData("(", "is no regular expression")]
    [InlineData("a{2,1}", "is no regular expression")]
    [InlineData("^(?!secret).*", "look-around")]
    [InlineData("(a)\\1", "back-reference")]
    public void What_is_no_pattern_is_refused_with_what_would_be_right(string text, string says)
    {
        Assert.False(NamePattern.TryParse(text, out var pattern, out var problem));
        Assert.Null(pattern);
        Assert.Contains(says, problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Pattern_has_a_bound()
    {
        Assert.True(NamePattern.TryParse(new string('ä', NamePattern.MaxBytes / 2), out _, out _));
        Assert.False(NamePattern.TryParse(new string('ä', NamePattern.MaxBytes / 2) + "a", out _, out var problem));
        Assert.Contains("at most 1024 bytes", problem, StringComparison.Ordinal);
    }

    /// <summary>With an engine that goes back, this takes longer than anybody waits.</summary>
    [Fact]
    public void Pattern_that_would_make_an_engine_go_back_forever_is_matched_at_once()
    {
        Assert.True(NamePattern.TryParse("^(a+)+$", out var pattern, out _));
        Assert.False(pattern.Matches(new string('a', 250) + "!"));
    }
}
